use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use icp_domain::limits;

use crate::http::error::{ApiError, ParameterViolation};

/// The parameters of a request: a tuple of extractors. If several of them find violations, the error has all of these
/// violations, in the order of the tuple. actix would stop at the first one.
pub(in crate::http) struct Inputs<T>(pub(in crate::http) T);

macro_rules! inputs {
    ($($input:ident)+) => {
        impl<$($input),+> FromRequest for Inputs<($($input,)+)>
        where
            $($input: FromRequest<Error = ApiError, Future = Ready<Result<$input, ApiError>>>,)+
        {
            type Error = ApiError;
            type Future = Ready<Result<Self, ApiError>>;

            #[expect(non_snake_case, reason = "each variable has the name of its type")]
            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let mut violations = Vec::new();
                $(let $input = input($input::extract(request), &mut violations);)+
                ready(match ($($input,)+) {
                    ($(Ok(Some($input)),)+) => Ok(Self(($($input,)+))),
                    results => {
                        let ($($input,)+) = results;
                        $(if let Err(error) = $input { return ready(Err(error)); })+
                        violations.truncate(limits::VIOLATIONS);
                        Err(ApiError::InvalidParameters(violations))
                    }
                })
            }
        }
    };
}

inputs!(A B);
inputs!(A B C);
inputs!(A B C D);

/// Returns an input. If it is invalid, adds its violations, and returns `None`.
fn input<T>(
    extracted: Ready<Result<T, ApiError>>,
    violations: &mut Vec<ParameterViolation>,
) -> Result<Option<T>, ApiError> {
    match extracted.into_inner() {
        Ok(input) => Ok(Some(input)),
        Err(ApiError::InvalidParameters(found)) => {
            violations.extend(found);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
