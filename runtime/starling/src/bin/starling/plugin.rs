//! `starling plugin`: making, testing and running plugins.

pub(crate) mod arguments;

mod audit;
mod build;
mod call;
mod check;
mod compare;
mod dev;
mod host;
mod install;
mod installed;
mod logs;
mod new;
mod project;
mod quarantine;
mod record;
mod replay;
mod run;
mod sources;
mod templates;
mod test;

use self::arguments::Plugin;
use crate::{arguments::Global, exit::Failure, output::Output};

pub(crate) async fn plugin(global: &Global, verb: Plugin) -> Result<(), Failure> {
    let output = Output::new(global.json);
    match verb {
        Plugin::New(options) => new::new(output, &options),
        Plugin::Build(options) => build::build_verb(global, output, &options.dir).await,
        Plugin::Check(options) => check::check(global, output, &options),
        Plugin::Test(options) => test::test(global, output, &options).await,
        Plugin::Call(options) => call::call(global, output, &options).await,
        Plugin::Dev(options) => dev::dev(global, output, &options).await,
        Plugin::Run(options) => run::run(global, output, &options).await,
        Plugin::Install(options) => install::install(global, output, &options),
        Plugin::Uninstall(options) => installed::uninstall(global, output, &options),
        Plugin::List => installed::list(global, output),
        Plugin::Logs(options) => logs::logs(global, output, &options).await,
        Plugin::Grant(options) => installed::grant(global, output, &options),
        Plugin::Revoke(options) => installed::revoke(global, output, &options),
        Plugin::Enable(options) => installed::switch(global, output, &options, true),
        Plugin::Disable(options) => installed::switch(global, output, &options, false),
        Plugin::Rollback(options) => installed::roll_back(global, output, &options),
        Plugin::Audit(options) => audit::audit(global, output, &options),
        Plugin::Quarantine(options) => quarantine::quarantine(global, output, &options).await,
        Plugin::Record(options) => record::record(global, output, &options),
        Plugin::Replay(options) => replay::replay(global, output, &options).await,
        Plugin::Compare(options) => compare::compare(global, output, &options).await,
    }
}
