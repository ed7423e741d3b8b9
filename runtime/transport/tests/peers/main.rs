//! Transports that talk to each other, and to strangers, over real sockets on loopback.

#[cfg(test)]
mod exchange;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod setup;
