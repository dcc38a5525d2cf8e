use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use icp_domain::limits;

use crate::http::error::{ApiError, ParameterViolation};

/// The parameters of a request: a tuple of extractors. Reports the violations of all extractors together, in the order
/// of the tuple, at most [`limits::VIOLATIONS`]. If an extractor fails for another reason, returns that error. actix
/// would stop at the first error.
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
                $(let $input = match collect_violations($input::extract(request), &mut violations) {
                    Ok(input) => input,
                    Err(error) => return ready(Err(error)),
                };)+
                if let ($(Some($input),)+) = ($($input,)+) {
                    return ready(Ok(Self(($($input,)+))));
                }
                violations.truncate(limits::VIOLATIONS);
                ready(Err(ApiError::InvalidParameters(violations)))
            }
        }
    };
}

inputs!(A B);
inputs!(A B C);
inputs!(A B C D);

/// Returns the input. If the input has violations, adds them to `violations` and returns `None`. Fails with any other
/// error.
fn collect_violations<T>(
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
