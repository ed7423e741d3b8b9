//! POSTs to web servers that strangers name, against real servers on loopback.

#[cfg(test)]
mod answers;
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
