//! Actors that are to be started, with their types forgotten, and the order they can be started in.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use actix::ArbiterHandle;

use crate::{
    actor::Actor,
    cell::{Cell, Starting},
    context::Environment,
    error::StartError,
    gate::Steer,
    lifecycle::Vitals,
    spec::{Bounds, Spec},
};

/// An actor to be started.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) needs: Vec<&'static str>,
    pub(crate) serves: Vec<(TypeId, &'static str)>,
    pub(crate) messages: Vec<&'static str>,
    pub(crate) bounds: Bounds,
    pub(crate) own_thread: bool,
    pub(crate) launch: Launch,
}

/// Puts the actor's handles into the registry.
pub(crate) type Launch = Box<dyn FnOnce(Environment, Arc<Vitals>) -> Result<Launched, StartError> + Send>;

/// An actor that can be sent to, and runs as soon as it is given a thread.
pub(crate) struct Launched {
    pub(crate) steer: Arc<dyn Steer>,
    pub(crate) starting: Starting,
    pub(crate) run_on: Box<dyn FnOnce(&ArbiterHandle) + Send>,
}

impl Plan {
    pub(crate) fn new<A: Actor>(spec: Spec<A>) -> Self {
        Self {
            name: spec.name,
            needs: spec.needs.clone(),
            serves: spec.serves.clone(),
            messages: spec.messages.clone(),
            bounds: spec.bounds.clone(),
            own_thread: spec.own_thread,
            launch: Box::new(move |environment, vitals| {
                let registry = environment.registry.clone();
                let (gate, prepared, starting) = Cell::prepare(&spec, environment, vitals);
                for wire in &spec.wiring {
                    wire(&registry, &gate)?;
                }
                let run_on = Box::new(|arbiter: &ArbiterHandle| prepared.run_on(arbiter));
                Ok(Launched { steer: Arc::new(gate), starting, run_on })
            }),
        }
    }
}

/// Checks plans before anything is started, and sorts them so that each comes after what it needs.
pub(crate) fn in_order(plans: Vec<Plan>) -> Result<Vec<Plan>, StartError> {
    check(&plans)?;
    let mut waiting: BTreeMap<usize, Plan> = plans.into_iter().enumerate().collect();
    let mut ordered: Vec<Plan> = Vec::new();
    let mut placed = BTreeSet::new();
    while !waiting.is_empty() {
        let free = waiting
            .iter()
            .find(|(_, plan)| plan.needs.iter().all(|needs| placed.contains(needs)))
            .map(|(position, _)| *position);
        let Some(plan) = free.and_then(|position| waiting.remove(&position)) else {
            return Err(StartError::Ring(ring(&waiting).join(" -> ")));
        };
        placed.insert(plan.name);
        ordered.push(plan);
    }
    Ok(ordered)
}

fn check(plans: &[Plan]) -> Result<(), StartError> {
    let mut names = BTreeSet::new();
    let mut servers: HashMap<TypeId, &'static str> = HashMap::new();
    for plan in plans {
        let actor = plan.name;
        if !names.insert(actor) {
            return Err(StartError::DuplicateName(actor));
        }
        if let Some((key, expected)) = plan.bounds.fault() {
            return Err(StartError::Bounds { actor, key, expected });
        }
        for (message, name) in &plan.serves {
            if let Some(by) = servers.insert(*message, actor) {
                return Err(StartError::AlreadyServed { message: name, by, actor });
            }
        }
    }
    for plan in plans {
        if let Some(needs) = plan.needs.iter().find(|needs| !names.contains(*needs)) {
            return Err(StartError::MissingDependency { actor: plan.name, needs });
        }
    }
    Ok(())
}

/// One ring among plans of which each needs another: follows the needs until a name comes up again.
fn ring(waiting: &BTreeMap<usize, Plan>) -> Vec<&'static str> {
    let needs: BTreeMap<_, _> = waiting
        .values()
        .filter_map(|plan| {
            let next = plan.needs.iter().find(|needs| waiting.values().any(|other| other.name == **needs))?;
            Some((plan.name, *next))
        })
        .collect();
    let mut path: Vec<&'static str> = needs.keys().take(1).copied().collect();
    while let Some(next) = path.last().and_then(|last| needs.get(last)) {
        let seen = path.iter().position(|name| name == next);
        path.push(next);
        if let Some(start) = seen {
            return path.split_off(start);
        }
    }
    path
}
