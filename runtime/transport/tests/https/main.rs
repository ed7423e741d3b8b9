//! The HTTPS client against servers of our own on loopback.

#[cfg(test)]
mod posts;
#[cfg(test)]
mod server;
