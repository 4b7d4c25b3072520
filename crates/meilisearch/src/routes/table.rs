//! The table of routes: each resource with its methods, and with each method the handler that answers
//! and what the description of the API tells of it. The server registers this table and
//! [`crate::openapi`] prints it, so the two cannot differ.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Responder};

use crate::openapi::{Arguments, Operation};

/// Resources in the order in which they are matched.
#[derive(Default)]
pub struct Routes {
    resources: Vec<Resource>,
}

impl Routes {
    /// Adds a resource behind those that are there; the first one that matches a path has it.
    pub(crate) fn add(&mut self, resource: Resource) -> &mut Self {
        self.resources.push(resource);
        self
    }

    /// Adds what a module registers.
    pub(crate) fn configure(&mut self, module: impl FnOnce(&mut Routes)) -> &mut Self {
        module(self);
        self
    }

    /// Makes the server answer.
    pub(crate) fn register(self, config: &mut ServiceConfig) {
        for resource in self.resources {
            config.service(resource.service);
        }
    }

    /// Every resource.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }
}

/// A path with its methods.
pub struct Resource {
    path: String,
    service: actix_web::Resource,
    operations: Vec<(Method, Operation)>,
}

/// A resource without methods; its path has parameters in braces.
pub(crate) fn resource(path: impl Into<String>) -> Resource {
    let path = path.into();
    Resource { service: web::resource(path.as_str()), path, operations: Vec::new() }
}

impl Resource {
    /// The path as it is registered, e.g. `/tasks/{task_id}`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The methods, each with what is told of it.
    pub fn operations(&self) -> impl Iterator<Item = &(Method, Operation)> {
        self.operations.iter()
    }

    /// Answers a method.
    pub(crate) fn on<F, Args>(mut self, method: Method, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + Arguments + 'static,
        F::Output: Responder + 'static,
    {
        self.service = self.service.route(web::method(method.clone()).to(handler));
        self.operations.push((method, operation.with_arguments::<Args>()));
        self
    }
}

/// Declares a function a method.
macro_rules! methods {
    ($($name:ident, $method:ident;)*) => {
        impl Resource {$(
            #[doc = concat!("Answers ", stringify!($method), ".")]
            pub(crate) fn $name<F, Args>(self, handler: F, operation: Operation) -> Self
            where
                F: Handler<Args>,
                Args: FromRequest + Arguments + 'static,
                F::Output: Responder + 'static,
            {
                self.on(Method::$method, handler, operation)
            }
        )*}
    };
}

methods! { get, GET; head, HEAD; post, POST; put, PUT; patch, PATCH; delete, DELETE; }
