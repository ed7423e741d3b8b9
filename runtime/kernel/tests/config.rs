//! Settings: layers, origins, refusals, and the example file.

use std::{collections::BTreeMap, ffi::OsString, fs, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use starling_kernel::{
    Bounds,
    config::{Error, Loaded, Loader, Note, Notes, Origin, differences},
};
use tempfile::TempDir;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    data_dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
    gateway: Gateway,
    swarm: Swarm,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/starling".into(),
            nickname: None,
            gateway: Gateway::default(),
            swarm: Swarm::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Gateway {
    listen: SocketAddr,
    port: u16,
    tls: bool,
    ratio: f64,
    names: Vec<String>,
    peers: Vec<Peer>,
    labels: BTreeMap<String, String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 22021)),
            port: 443,
            tls: true,
            ratio: 0.5,
            names: vec!["one".to_owned()],
            peers: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    weight: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Swarm {
    #[serde(with = "humantime_serde")]
    list_ttl: Duration,
    ledger: Ledger,
    hop: Hop,
    bounds: Bounds,
}

impl Default for Swarm {
    fn default() -> Self {
        Self {
            list_ttl: Duration::from_secs(30),
            ledger: Ledger::Local { file: "network.toml".into() },
            hop: Hop::Direct,
            bounds: Bounds::default(),
        }
    }
}

/// Alternatives told apart by `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Ledger {
    Local { file: PathBuf },
    Evm { url: String, confirmations: u32 },
}

/// Alternatives told apart by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hop {
    Direct,
    Through {
        gate: String,
    },
    #[serde(untagged)]
    Number(u32),
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn from_file(text: &str) -> Result<Loaded<Settings>, Error> {
    let folder = Folder::new();
    let path = folder.write("node.toml", text);
    Loader::new().file(path).load()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Loaded<Settings>, Error> {
    Loader::new().environment("STARLING", variables(pairs)).load()
}

fn from_options(options: &[&str]) -> Result<Loaded<Settings>, Error> {
    options.iter().fold(Loader::new(), |loader, option| loader.set(*option)).load()
}

/// The refusal of a file, without the folder it lies in.
#[track_caller]
fn check_file(text: &str, expected: &str) {
    let error = from_file(text).expect_err("the file is wrong").to_string();
    let at = error.find("node.toml").unwrap_or_else(|| panic!("names no file: {error}"));
    assert_eq!(&error[at..], expected);
    assert!(!error.contains('\n'), "one sentence: {error}");
}

#[track_caller]
fn check_environment(variable: &str, value: &str, expected: &str) {
    let error = from_environment(&[(variable, value)]).expect_err("the variable is wrong").to_string();
    assert_eq!(error, expected);
}

#[track_caller]
fn check_option(option: &str, expected: &str) {
    assert_eq!(from_options(&[option]).expect_err("the option is wrong").to_string(), expected);
}

#[track_caller]
fn check_origin(loaded: &Loaded<Settings>, key: &str, value: &str, origin: &str) {
    let setting = loaded.origins().iter().find(|setting| setting.key == key);
    let setting = setting.unwrap_or_else(|| panic!("{key} is not listed"));
    assert_eq!((setting.value.to_string().as_str(), setting.origin.to_string().as_str()), (value, origin));
}

#[test]
fn without_any_layer_the_defaults_are_in_force() {
    let loaded = Loader::new().load::<Settings>().unwrap();

    assert_eq!(loaded.value, Settings::default());
    assert!(loaded.origins().iter().all(|setting| setting.origin == Origin::Default));
    check_origin(&loaded, "swarm.list_ttl", "\"30s\"", "default");
    check_origin(&loaded, "gateway.names", "[\"one\"]", "default");
}

#[test]
fn an_absent_optional_key_is_not_listed_until_it_is_set() {
    let absent = Loader::new().load::<Settings>().unwrap();
    let present = from_options(&["nickname=lark"]).unwrap();

    assert!(absent.origin("nickname").is_none());
    assert_eq!(present.value.nickname.as_deref(), Some("lark"));
    check_origin(&present, "nickname", "\"lark\"", "-O");
}

#[test]
fn each_layer_wins_over_those_before_it() {
    let folder = Folder::new();
    let first = folder.write("a/first.toml", "[gateway]\nport = 1\n");
    let second = folder.write("b/second.toml", "[gateway]\nport = 2\n");
    folder.write("a/conf.d/20.toml", "[gateway]\nport = 4\n");
    folder.write("a/conf.d/10.toml", "[gateway]\nport = 3\n");
    folder.write("a/conf.d/99.toml.bak", "this is not read");
    let port = |loader: &Loader| loader.load::<Settings>().unwrap().value.gateway.port;
    let flags: toml::Table = "gateway.port = 7".parse().unwrap();

    let only_second = Loader::new().file(&second);
    assert_eq!(port(&only_second), 2);
    assert_eq!(port(&Loader::new().file(&second).file(folder.write("c/first.toml", "gateway.port = 1"))), 1);
    let with_drop_ins = Loader::new().file(&first).file(&second);
    assert_eq!(port(&with_drop_ins), 4, "drop-ins come after all files, by name");
    let with_environment =
        with_drop_ins.environment("STARLING", variables(&[("STARLING_GATEWAY__PORT", "5")]));
    assert_eq!(port(&with_environment), 5);
    let with_option = with_environment.set("gateway.port=6");
    assert_eq!(port(&with_option), 6);
    assert_eq!(port(&with_option.clone().set("gateway.port=66")), 66, "the last -O wins");
    assert_eq!(port(&with_option.flags(flags)), 7);
}

#[test]
fn origins_name_the_place_of_every_key() {
    let folder = Folder::new();
    let file = folder.write("node.toml", "data_dir = \"/x\"\n\n[gateway]\nport = 1\ntls = false\n");
    let drop_in = folder.write("conf.d/50-site.toml", "# ours\n[gateway]\ntls = true\n");
    let loaded = Loader::new()
        .file(&file)
        .environment("STARLING", variables(&[("STARLING_SWARM__LIST_TTL", "1m 30s"), ("PATH", "/bin")]))
        .set("swarm.bounds.mailbox_capacity=7")
        .flags("gateway.ratio = 0.25".parse().unwrap())
        .load::<Settings>()
        .unwrap();

    check_origin(&loaded, "data_dir", "\"/x\"", &format!("{}:1", file.display()));
    check_origin(&loaded, "gateway.port", "1", &format!("{}:4", file.display()));
    check_origin(&loaded, "gateway.tls", "true", &format!("{}:3", drop_in.display()));
    check_origin(&loaded, "swarm.list_ttl", "\"1m 30s\"", "environment STARLING_SWARM__LIST_TTL");
    check_origin(&loaded, "swarm.bounds.mailbox_capacity", "7", "-O");
    check_origin(&loaded, "gateway.ratio", "0.25", "flag");
    check_origin(&loaded, "swarm.bounds.concurrency", "256", "default");
    assert_eq!(loaded.origin("gateway.port"), Some(&Origin::File { path: file, line: 4 }));
}

#[test]
fn an_unknown_key_in_a_file_is_named_with_its_line_and_the_nearest_known_one() {
    check_file(
        "[gateway]\nport = 1\nlisten_adress = \"x\"\n",
        "node.toml:3: unknown key gateway.listen_adress; did you mean gateway.listen?",
    );
    check_file(
        "[gateway]\nlsiten = 1\n",
        "node.toml:2: unknown key gateway.lsiten; did you mean gateway.listen?",
    );
    check_file(
        "\n\n[swarm.bounds]\nmailbox_capasity = 1\n",
        "node.toml:4: unknown key swarm.bounds.mailbox_capasity; did you mean swarm.bounds.mailbox_capacity?",
    );
    check_file(
        "[gateway]\ncompletely_else = 1\n",
        "node.toml:2: unknown key gateway.completely_else; known there: gateway.listen, gateway.port, gateway.tls, \
         gateway.ratio, gateway.names, gateway.peers, gateway.labels",
    );
    check_file("[gatway]\nport = 1\n", "node.toml:1: unknown key gatway; did you mean gateway?");
    check_file(
        "mailbox_capacity = 1\n",
        "node.toml:1: unknown key mailbox_capacity; did you mean swarm.bounds.mailbox_capacity?",
    );
    check_file("gateway.prot = 1\n", "node.toml:1: unknown key gateway.prot; did you mean gateway.port?");
}

#[test]
fn an_optional_key_is_suggested_though_the_defaults_lack_it() {
    check_file("nicknam = \"x\"\n", "node.toml:1: unknown key nicknam; did you mean nickname?");
}

#[test]
fn a_wrong_type_in_a_file_is_named_with_what_was_expected() {
    check_file(
        "[swarm.bounds]\n\nmailbox_capacity = \"many\"\n",
        "node.toml:3: swarm.bounds.mailbox_capacity expects a whole number that is not negative, not the text \"many\"",
    );
    check_file(
        "gateway = { port = 70000 }",
        "node.toml:1: gateway.port expects a whole number from 0 to 65535, not 70000",
    );
    check_file("[gateway]\ntls = 1", "node.toml:2: gateway.tls expects true or false, not 1");
    check_file(
        "[gateway]\nnames = [\n  \"a\",\n  5,\n]",
        "node.toml:4: gateway.names[1] expects a text in quotes, not 5",
    );
    check_file("gateway = 3", "node.toml:1: gateway expects a table, not 3");
    check_file("data_dir = []", "node.toml:1: data_dir expects a path in quotes, not a list");
    check_file(
        "[swarm]\nlist_ttl = \"soon\"",
        "node.toml:2: swarm.list_ttl expects a duration, not the text \"soon\"",
    );
    check_file(
        "gateway.listen = \"here\"",
        "node.toml:1: gateway.listen is not right: invalid socket address syntax",
    );
}

#[test]
fn the_value_of_a_secret_is_in_no_refusal() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Safe {
        accounts: Accounts,
    }
    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Accounts {
        passphrase: String,
    }
    let check = |loader: Loader, expected: &str| {
        let error = loader.load::<Safe>().expect_err("the layer is wrong").to_string();
        assert!(error.ends_with(expected), "{error}");
        assert!(!error.contains("123456789"), "{error}");
    };
    let folder = Folder::new();
    for text in ["[accounts]\npassphrase = 123456789", "[accounts]\npassphrase = [\"123456789\"]"] {
        let file = folder.write("node.toml", text);
        check(Loader::new().file(file), "node.toml:2: accounts.passphrase expects a text in quotes");
    }
    let half = variables(&[("STARLING_ACCOUNTS", "{passphrase = \"123456789\"")]);
    check(
        Loader::new().environment("STARLING", half),
        "environment STARLING_ACCOUNTS: accounts expects a table",
    );
    check(Loader::new().set("accounts.passphrase:123456789"), "-O (not shown): expected section.key=value");
}

#[test]
fn a_number_in_quotes_is_no_number_in_a_file() {
    check_file(
        "gateway.port = \"80\"",
        "node.toml:1: gateway.port expects a whole number from 0 to 65535, not the text \"80\"",
    );
}

#[test]
fn a_number_too_large_for_any_key_is_refused_by_name() {
    check_file(
        "gateway.port = 18446744073709551615",
        "node.toml:1: gateway.port expects a whole number from 0 to 65535, not 18446744073709551615",
    );
    check_file(
        "gateway.port = -1",
        "node.toml:1: gateway.port expects a whole number from 0 to 65535, not -1",
    );
}

#[test]
fn an_element_of_a_list_of_tables_is_named_by_its_index() {
    check_file(
        "[[gateway.peers]]\nname = \"a\"\nweight = 1\n\n[[gateway.peers]]\nname = \"b\"\nwieght = 2\n",
        "node.toml:7: unknown key gateway.peers[1].wieght; did you mean gateway.peers[1].weight?",
    );
    check_file("[[gateway.peers]]\nname = \"a\"\n", "node.toml:1: gateway.peers[0] lacks the key weight");
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    check_file("[gateway]\nport 1\n", "node.toml:2: key with no value, expected `=`");
    let twice = from_file("a = 1\na = 2\n").unwrap_err().to_string();
    assert!(twice.ends_with("node.toml:2: duplicate key"), "{twice}");
}

#[test]
fn a_wrong_value_is_refused_even_where_a_later_layer_hides_it() {
    let folder = Folder::new();
    let path = folder.write("node.toml", "gateway.port = \"x\"");
    let error = Loader::new().file(path).set("gateway.port=1").load::<Settings>().unwrap_err();

    assert!(error.to_string().contains("node.toml:1: gateway.port"), "{error}");
}

#[test]
fn an_unreadable_file_is_named() {
    let folder = Folder::new();
    let missing = folder.0.path().join("missing.toml");
    let not_text = folder.0.path().join("binary.toml");
    fs::write(&not_text, [0xff, 0xfe]).unwrap();

    let error = Loader::new().file(&missing).load::<Settings>().unwrap_err().to_string();
    assert_eq!(
        error,
        format!("could not read config file {}: No such file or directory (os error 2)", missing.display())
    );
    let error = Loader::new().file(&not_text).load::<Settings>().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("could not read config file {}", not_text.display()))
            && error.contains("UTF-8")
    );
    let error = Loader::new().file(folder.0.path()).load::<Settings>().unwrap_err().to_string();
    assert!(error.starts_with(&format!("could not read config file {}", folder.0.path().display())));
}

#[test]
fn a_drop_in_is_refused_by_its_own_name() {
    let folder = Folder::new();
    let path = folder.write("node.toml", "");
    folder.write("conf.d/10.toml", "[gateway]\nfoo = 1\n");
    let error = Loader::new().file(path).load::<Settings>().unwrap_err().to_string();

    assert!(error.contains("conf.d/10.toml:2: unknown key gateway.foo"), "{error}");
}

#[test]
fn bare_text_takes_the_type_of_its_key() {
    let loaded = from_environment(&[
        ("STARLING_DATA_DIR", "42"),
        ("STARLING_NICKNAME", "true"),
        ("STARLING_GATEWAY__PORT", "8_080"),
        ("STARLING_GATEWAY__TLS", "false"),
        ("STARLING_GATEWAY__RATIO", "1"),
        ("STARLING_GATEWAY__NAMES", "[\"a\", \"b\"]"),
        ("STARLING_GATEWAY__LISTEN", "0.0.0.0:1"),
        ("STARLING_GATEWAY__PEERS", "[{ name = \"a\", weight = 3 }]"),
        ("STARLING_SWARM__LIST_TTL", "5m"),
        ("STARLING_SWARM__HOP", "{ through = { gate = \"g\" } }"),
        ("STARLING_SWARM__BOUNDS", "{ mailbox_capacity = 5 }"),
    ])
    .unwrap();
    let Settings { data_dir, nickname, gateway, swarm } = loaded.value;

    assert_eq!(data_dir, PathBuf::from("42"));
    assert_eq!(nickname.as_deref(), Some("true"));
    assert_eq!((gateway.port, gateway.tls, gateway.ratio), (8080, false, 1.0));
    assert_eq!(gateway.names, ["a", "b"]);
    assert_eq!(gateway.listen, "0.0.0.0:1".parse().unwrap());
    assert_eq!(gateway.peers, [Peer { name: "a".to_owned(), weight: 3 }]);
    assert_eq!(swarm.list_ttl, Duration::from_secs(300));
    assert_eq!(swarm.hop, Hop::Through { gate: "g".to_owned() });
    assert_eq!(swarm.bounds, Bounds { mailbox_capacity: 5, ..Bounds::default() });
}

#[test]
fn the_environment_is_refused_by_the_name_of_the_variable() {
    check_environment(
        "STARLING_GATEWAY__PROT",
        "1",
        "environment STARLING_GATEWAY__PROT: unknown key gateway.prot; did you mean gateway.port?",
    );
    check_environment(
        "STARLING_GATEWAY_PORT",
        "1",
        "environment STARLING_GATEWAY_PORT: unknown key gateway_port; did you mean gateway.port?",
    );
    check_environment(
        "STARLING_GATEWAY__PORT",
        "http",
        "environment STARLING_GATEWAY__PORT: gateway.port expects a whole number from 0 to 65535, not the text \"http\"",
    );
    check_environment(
        "STARLING_GATEWAY__NAMES",
        "a,b",
        "environment STARLING_GATEWAY__NAMES: gateway.names expects a list in brackets, not the text \"a,b\"",
    );
    check_environment(
        "STARLING_GATEWAY",
        "x",
        "environment STARLING_GATEWAY: gateway expects a table, not the text \"x\"",
    );
}

#[test]
fn a_variable_that_is_not_text_is_refused_by_its_name() {
    use std::os::unix::ffi::OsStringExt as _;
    let broken = OsString::from_vec(vec![0xff]);
    let loader = Loader::new().environment("STARLING", [("STARLING_DATA_DIR".into(), broken.clone())]);
    let foreign = Loader::new().environment("STARLING", [("OTHER".into(), broken)]);

    let error = loader.load::<Settings>().unwrap_err().to_string();
    assert_eq!(error, "environment STARLING_DATA_DIR: the value is not valid UTF-8");
    assert_eq!(foreign.load::<Settings>().unwrap().value, Settings::default());
}

#[test]
fn a_variable_that_is_no_setting_is_left_alone() {
    let loader = Loader::new().environment("STARLING", variables(&[("STARLING_LOG", "debug")]));

    assert!(loader.load::<Settings>().is_err());
    assert_eq!(loader.not_a_setting("STARLING_LOG").load::<Settings>().unwrap().value, Settings::default());
}

#[test]
fn an_option_is_refused_by_what_was_given() {
    check_option("gateway.prot=1", "-O: unknown key gateway.prot; did you mean gateway.port?");
    check_option("gateway.tls=yes", "-O: gateway.tls expects true or false, not the text \"yes\"");
    check_option("gateway.tls", "-O gateway.tls: expected section.key=value");
    check_option("=5", "-O =5: expected section.key=value");
    check_option("a..b=5", "-O a..b=5: expected section.key=value");
    check_option("a=1\nb=5", "-O: unknown key a; known there: data_dir, nickname, gateway, swarm");
    check_option("a\nb=5", "-O a\\nb=5: expected section.key=value");
}

#[test]
fn an_option_may_hold_equals_signs_and_quoted_keys() {
    let loaded = from_options(&["nickname=a=b", "gateway.labels.\"x.y\"=z"]).unwrap();

    assert_eq!(loaded.value.nickname.as_deref(), Some("a=b"));
    assert_eq!(loaded.value.gateway.labels["x.y"], "z");
    check_origin(&loaded, "gateway.labels.\"x.y\"", "\"z\"", "-O");
}

#[test]
fn an_option_may_hold_a_text_in_quotes_as_a_file_would() {
    let loaded =
        from_options(&["nickname=\"a b\"", "data_dir='/srv/starling'", "gateway.labels.x=\"half"]).unwrap();

    assert_eq!(loaded.value.nickname.as_deref(), Some("a b"));
    assert_eq!(loaded.value.data_dir, PathBuf::from("/srv/starling"));
    assert_eq!(loaded.value.gateway.labels["x"], "\"half", "a single quote is a character like any other");
    check_option(
        "gateway.port=\"80\"",
        "-O: gateway.port expects a whole number from 0 to 65535, not the text \"80\"",
    );
}

#[test]
fn a_flag_is_refused_like_any_other_layer() {
    let flags = "gateway.port = \"x\"".parse().unwrap();
    let error = Loader::new().flags(flags).load::<Settings>().unwrap_err();

    assert_eq!(
        error.to_string(),
        "flag: gateway.port expects a whole number from 0 to 65535, not the text \"x\""
    );
}

#[test]
fn another_type_forgets_what_belonged_to_the_first() {
    let loaded =
        from_file("[swarm.ledger]\ntype = \"evm\"\nurl = \"http://localhost\"\nconfirmations = 3\n").unwrap();

    assert_eq!(
        loaded.value.swarm.ledger,
        Ledger::Evm { url: "http://localhost".to_owned(), confirmations: 3 }
    );
    assert!(loaded.origin("swarm.ledger.file").is_none());
}

#[test]
fn the_same_type_keeps_what_is_not_overridden() {
    let folder = Folder::new();
    let path = folder.write(
        "node.toml",
        "[swarm.ledger]\ntype = \"evm\"\nurl = \"http://localhost\"\nconfirmations = 3\n",
    );
    let loaded = Loader::new().file(path).set("swarm.ledger.confirmations=9").load::<Settings>().unwrap();

    assert_eq!(
        loaded.value.swarm.ledger,
        Ledger::Evm { url: "http://localhost".to_owned(), confirmations: 9 }
    );
    check_origin(&loaded, "swarm.ledger.confirmations", "9", "-O");
}

#[test]
fn what_is_wrong_inside_an_alternative_is_found_at_its_line() {
    check_file(
        "[swarm.ledger]\ntype = \"evm\"\nurl = \"x\"\nconfirmation = 3\n",
        "node.toml:4: unknown key swarm.ledger.confirmation; did you mean swarm.ledger.confirmations?",
    );
    check_file(
        "[swarm.ledger]\ntype = \"evm\"\nurl = \"x\"\n",
        "node.toml:1: swarm.ledger lacks the key confirmations",
    );
    check_file(
        "[swarm.ledger]\ntype = \"emv\"\n",
        "node.toml:2: swarm.ledger.type expects one of local, evm, not \"emv\"",
    );
}

#[test]
fn a_choice_by_name_replaces_the_one_before() {
    let folder = Folder::new();
    let path = folder.write("node.toml", "[swarm.hop.through]\ngate = \"g\"\n");
    let loader = Loader::new().file(path);

    assert_eq!(loader.load::<Settings>().unwrap().value.swarm.hop, Hop::Through { gate: "g".to_owned() });
    assert_eq!(loader.set("swarm.hop=direct").load::<Settings>().unwrap().value.swarm.hop, Hop::Direct);
}

#[test]
fn the_last_layer_wins_the_whole_list() {
    let loaded = from_file("[gateway]\nnames = [\"x\", \"y\"]\n").unwrap();
    assert_eq!(loaded.value.gateway.names, ["x", "y"]);
    let emptied = from_options(&["gateway.names=[]"]).unwrap();
    assert!(emptied.value.gateway.names.is_empty());
}

fn notes() -> Notes {
    Notes::new()
        .section(
            "",
            "A node.",
            &[
                Note::new("data_dir", "Where everything is kept."),
                Note::optional("nickname", "How others\nmay call it.", "\"lark\""),
            ],
        )
        .section(
            "gateway",
            "The edge.",
            &[
                Note::new("listen", "Address."),
                Note::new("port", "Port."),
                Note::new("tls", "Whether to encrypt."),
                Note::new("ratio", "A part."),
                Note::new("names", "Names."),
                Note::new("peers", "Peers."),
                Note::new("labels", "Labels."),
            ],
        )
        .section("swarm", "", &[Note::new("list_ttl", "Trust."), Note::new("hop", "The way.")])
        .section("swarm.ledger", "The ledger.", &[Note::new("type", "Which."), Note::new("file", "Where.")])
        .section("swarm.bounds", "", Bounds::NOTES)
}

#[test]
fn the_example_explains_every_key_and_says_what_the_defaults_say() {
    let folder = Folder::new();
    let example = notes().example(&Settings::default()).unwrap();
    let path = folder.write("node.toml", &example);

    assert!(
        example.starts_with("# A node.\n\n# Where everything is kept.\ndata_dir = \"/var/lib/starling\"\n")
    );
    assert!(example.contains("# How others\n# may call it.\n# nickname = \"lark\"\n"));
    assert!(example.contains("\n\n# The edge.\n[gateway]\n# Address.\nlisten = \"127.0.0.1:22021\"\n"));
    assert!(example.contains("\n\n# The ledger.\n[swarm.ledger]\n# Which.\ntype = \"local\"\n"));
    assert_eq!(differences(&path, &Settings::default()).unwrap(), Vec::<String>::new());
}

#[test]
fn what_stands_at_the_end_of_an_example_is_comment_alone() {
    let plain = notes().example(&Settings::default()).unwrap();

    let longer =
        notes().appendix("A section of your own.\n[own]\nkey = 1\n").example(&Settings::default()).unwrap();

    assert_eq!(longer, format!("{plain}\n# A section of your own.\n# [own]\n# key = 1\n"));
}

#[test]
fn a_key_without_a_note_and_a_note_without_a_key_are_defects() {
    let lacking = Notes::new().section("", "", &[Note::new("data_dir", "Where.")]);
    let stale = notes().section("gateway", "", &[Note::new("prot", "Port.")]);
    let misspelt = notes().section("gateway", "", &[Note::optional("nick", "Name.", "\"x\"")]);

    let error = lacking.example(&Settings::default()).unwrap_err();
    assert!(matches!(&error, Error::Undocumented { keys } if keys.contains(&"swarm.list_ttl".to_owned())));
    let error = stale.example(&Settings::default()).unwrap_err();
    assert!(matches!(&error, Error::StaleNotes { keys } if keys == &["gateway.prot"]));
    let error = misspelt.example(&Settings::default()).unwrap_err();
    assert!(matches!(&error, Error::UnknownKey { key, .. } if key == "gateway.nick"));
}

#[test]
fn a_file_that_differs_from_the_defaults_is_told_key_by_key() {
    let folder = Folder::new();
    let example = notes().example(&Settings::default()).unwrap();
    let changed = example.replace("port = 443", "port = 444").replace("tls = true\n", "");
    let path = folder.write("node.toml", &changed);

    assert_eq!(
        differences(&path, &Settings::default()).unwrap(),
        ["gateway.port is 444, expected 443", "gateway.tls is not there"]
    );
}

#[test]
fn defaults_that_toml_cannot_hold_are_a_defect_told_as_such() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Huge {
        number: u64,
    }
    impl Default for Huge {
        fn default() -> Self {
            Self { number: u64::MAX }
        }
    }

    assert!(matches!(Loader::new().load::<Huge>(), Err(Error::Defaults(_))));
}
