//! Requests to web servers that strangers or plugins name, against real servers on loopback.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod fetch;
#[cfg(test)]
mod fetch_limits;
#[cfg(test)]
mod internet;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tls;
