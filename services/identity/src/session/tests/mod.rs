//! Sessions on a real database, through the service's own calls.

mod authenticate;
mod claims;
mod login;
mod logout;
mod visitors;
