//! What holds for every request, whatever its route: path normalisation, CORS, compression of
//! answers, a log span (http-api.md section 1, operations.md sections 8 and 10).

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::USER_AGENT;
use actix_web::middleware::{Compress, Next, NormalizePath, from_fn};
use actix_web::{App, Error};
use tracing::Instrument;
use tracing::field::{Empty, display};

use crate::instance::Instance;
use crate::{metrics, routes};

/// How long browsers may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE_SECONDS: usize = 86_400;

/// The whole HTTP application on top of an open instance.
///
/// The last `wrap` is the outermost: an answer that no accepted encoding fits (406) carries no
/// CORS headers, and is logged like every other.
pub fn app(
    instance: &Instance,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .configure(|config| instance.share(config))
        .configure(routes::configure)
        // Inside of CORS and compression: what they answer themselves is not counted.
        .wrap(from_fn(metrics::count_request))
        .wrap(NormalizePath::trim())
        .wrap(
            Cors::default()
                .send_wildcard()
                .allow_any_origin()
                .allow_any_method()
                .allow_any_header()
                .max_age(PREFLIGHT_MAX_AGE_SECONDS),
        )
        .wrap(Compress::default())
        .wrap(from_fn(log))
}

/// Gives each request a span, which is logged when it closes.
async fn log<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let span = tracing::info_span!(
        "HTTP request",
        method = %request.method(),
        host = request.connection_info().host(),
        route = request.path(),
        query_parameters = request.query_string(),
        user_agent = user_agent.unwrap_or_default(),
        status_code = Empty,
        error = Empty,
    );
    let response = next.call(request).instrument(span.clone()).await?;
    span.record("status_code", response.status().as_u16());
    if let Some(error) = response.response().error() {
        span.record("error", display(error));
    }
    Ok(response)
}
