//! The actor through its contract, in a network whose nodes really peel.

#[path = "paths/carrier.rs"]
mod carrier;
#[path = "paths/house.rs"]
mod house;
#[path = "paths/logs.rs"]
mod logs;
#[path = "paths/network.rs"]
mod network;
#[path = "paths/recovery.rs"]
mod recovery;
#[path = "paths/supply.rs"]
mod supply;
#[path = "paths/swarm.rs"]
mod swarm;
#[path = "paths/way.rs"]
mod way;
