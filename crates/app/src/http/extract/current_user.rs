use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use icp_domain::Caller;

use crate::http::error::ApiError;

/// The signed-in user. Only routes behind the middleware `protect` have one.
pub(in crate::http) struct CurrentUser(pub(in crate::http) Rc<Caller>);

impl FromRequest for CurrentUser {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Rc<Caller>>().cloned();
        ready(caller.map(Self).ok_or_else(|| ApiError::Internal("the route has no authentication".into())))
    }
}
