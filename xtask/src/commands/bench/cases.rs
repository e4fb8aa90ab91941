//! The table of what is measured.

use anyhow::{Result, bail};

use super::modules::Module;
use super::servers::{self, Server};
use super::traffic::Kind;

/// Cases that are shown together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Nothing,
    Headers,
    Cookie,
    Fault,
    Token,
    NewTokens,
    Breaker,
}

impl Group {
    /// What the cases of the group have in common.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Nothing => "Doing nothing",
            Self::Headers => "Reading 20 headers",
            Self::Cookie => "Choosing a route by a cookie",
            Self::Fault => "Fault injection, request not chosen",
            Self::Token => "JSON Web Token (RS256), seen before",
            Self::NewTokens => "JSON Web Token (RS256), new every time",
            Self::Breaker => "Circuit breaker, closed",
        }
    }
}

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// This project's.
    Tollgate,
    /// Envoy's own filters.
    Envoy,
    /// A module without our SDK.
    OtherModule,
}

/// What a case is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Baseline {
    /// Envoy without a filter that answers by itself.
    Direct,
    /// Envoy without a filter in front of an upstream.
    Routed,
}

/// Something whose cost is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// What `--only` and the JSON call it.
    pub(super) name: &'static str,
    /// What the table and the plot call it.
    pub(super) title: &'static str,
    pub(super) group: Group,
    pub(super) maker: Maker,
    /// The module it needs.
    pub(super) module: Option<Module>,
    pub(super) traffic: Kind,
    pub(super) baseline: Baseline,
    /// The case in which Envoy's own filter does the same.
    pub(super) peer: Option<&'static str>,
    /// What answers the requests.
    pub(super) server: fn() -> Result<Server>,
    /// The body of the right answer.
    pub(super) answer: &'static str,
}

impl Case {
    const fn new(
        group: Group,
        name: &'static str,
        title: &'static str,
        server: fn() -> Result<Server>,
    ) -> Self {
        Self {
            name,
            title,
            group,
            maker: Maker::Envoy,
            module: None,
            traffic: Kind::Bare,
            baseline: Baseline::Direct,
            peer: None,
            server,
            answer: servers::ANSWER,
        }
    }

    /// A module of this project.
    const fn ours(mut self, module: Module) -> Self {
        self.maker = Maker::Tollgate;
        self.module = Some(module);
        self
    }

    /// A module of somebody else.
    const fn other(mut self, module: Module) -> Self {
        self.maker = Maker::OtherModule;
        self.module = Some(module);
        self
    }

    const fn traffic(mut self, traffic: Kind) -> Self {
        self.traffic = traffic;
        self
    }

    const fn peer(mut self, name: &'static str) -> Self {
        self.peer = Some(name);
        self
    }

    const fn answer(mut self, answer: &'static str) -> Self {
        self.answer = answer;
        self
    }

    const fn baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }
}

/// The case that is measured against itself: what it seems to cost is the noise.
pub(super) const NONE: &str = "none";
pub(super) const SMALLEST: &str = "smallest";
pub(super) const STOCK_NOOP: &str = "stock-no-op";
pub(super) const NOOP: &str = "no-op";
pub(super) const CHAIN: &str = "chain-of-four";
pub(super) const NOOP_20: &str = "no-op-20-headers";
pub(super) const FETCHED: &str = "20-headers-fetched";
pub(super) const HEADERS: &str = "20-headers";
pub(super) const LUA: &str = "lua";
pub(super) const CANARY: &str = "canary";
pub(super) const FAULT: &str = "fault";
pub(super) const NATIVE_JWT_CACHED: &str = "native-jwt-cached";
pub(super) const NATIVE_JWT: &str = "native-jwt";
pub(super) const JWT: &str = "jwt-auth";
pub(super) const NATIVE_JWT_NEW: &str = "native-jwt-new-tokens";
pub(super) const JWT_NEW: &str = "jwt-auth-new-tokens";
pub(super) const BREAKER: &str = "circuit-breaker";

/// All cases, in the order in which they are shown.
pub(super) const CASES: [Case; 21] = [
    Case::new(Group::Nothing, NONE, "no filter (what it shows is noise)", servers::none),
    Case::new(Group::Nothing, SMALLEST, "smallest possible module", servers::smallest)
        .other(Module::Smallest),
    Case::new(Group::Nothing, STOCK_NOOP, "no-op, proxy-wasm crate", servers::stock_noop)
        .other(Module::StockNoop),
    Case::new(Group::Nothing, NOOP, "no-op, Tollgate", servers::noop).ours(Module::Noop),
    Case::new(Group::Nothing, CHAIN, "four no-ops, one chain", servers::chain).ours(Module::Chain),
    Case::new(Group::Nothing, "four-modules", "four no-ops, four modules", servers::four_modules)
        .ours(Module::Noop),
    Case::new(Group::Headers, NOOP_20, "no-op, Tollgate: none read", servers::noop)
        .ours(Module::Noop)
        .traffic(Kind::TwentyHeaders),
    Case::new(
        Group::Headers,
        FETCHED,
        "smallest possible module: all fetched",
        servers::fetches_headers,
    )
    .other(Module::FetchesHeaders)
    .traffic(Kind::TwentyHeaders),
    Case::new(Group::Headers, HEADERS, "Tollgate: all read", servers::headers)
        .ours(Module::Headers)
        .traffic(Kind::TwentyHeaders),
    Case::new(Group::Cookie, "native-cookie", "route table, regex", servers::native_cookie)
        .traffic(Kind::Cookies)
        .answer(servers::V2),
    Case::new(Group::Cookie, LUA, "Lua filter", servers::lua)
        .traffic(Kind::Cookies)
        .answer(servers::V2),
    Case::new(Group::Cookie, CANARY, "Tollgate canary", servers::canary)
        .ours(Module::Filter("canary"))
        .traffic(Kind::Cookies)
        .peer("native-cookie")
        .answer(servers::V2),
    Case::new(Group::Fault, "native-fault", "Envoy fault", servers::native_fault),
    Case::new(Group::Fault, FAULT, "Tollgate fault", servers::fault)
        .ours(Module::Filter("fault"))
        .peer("native-fault"),
    Case::new(
        Group::Token,
        NATIVE_JWT_CACHED,
        "Envoy jwt_authn, with its cache",
        servers::native_jwt_cached,
    )
    .traffic(Kind::Token),
    Case::new(Group::Token, NATIVE_JWT, "Envoy jwt_authn, as by default", servers::native_jwt)
        .traffic(Kind::Token),
    Case::new(
        Group::Token,
        "token-calls",
        "the host calls for it, no filter",
        servers::token_calls,
    )
    .other(Module::TokenCalls)
    .traffic(Kind::Token),
    Case::new(Group::Token, JWT, "Tollgate jwt-auth", servers::jwt_auth)
        .ours(Module::Filter("jwt-auth"))
        .traffic(Kind::Token)
        .peer(NATIVE_JWT_CACHED),
    Case::new(
        Group::NewTokens,
        NATIVE_JWT_NEW,
        "Envoy jwt_authn, as by default",
        servers::native_jwt,
    )
    .traffic(Kind::NewTokens),
    Case::new(Group::NewTokens, JWT_NEW, "Tollgate jwt-auth", servers::jwt_auth)
        .ours(Module::Filter("jwt-auth"))
        .traffic(Kind::NewTokens)
        .peer(NATIVE_JWT_NEW),
    Case::new(Group::Breaker, BREAKER, "Tollgate circuit-breaker", servers::circuit_breaker)
        .ours(Module::Filter("circuit-breaker"))
        .baseline(Baseline::Routed),
];

/// The cases of these names, or all.
pub(super) fn selected(names: &[String]) -> Result<Vec<Case>> {
    if let Some(unknown) = names.iter().find(|name| CASES.iter().all(|case| case.name != **name)) {
        let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
        bail!("--only: there is no case {unknown}; there are {}", known.join(", "));
    }
    let chosen = |case: &&Case| names.is_empty() || names.iter().any(|name| name == case.name);
    Ok(CASES.iter().filter(chosen).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_share_a_name() {
        let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }

    #[test]
    fn every_peer_is_a_case_of_the_same_group() {
        for case in CASES {
            let Some(peer) = case.peer else { continue };
            let peer = CASES.iter().find(|other| other.name == peer);
            assert_eq!(peer.map(|peer| peer.group), Some(case.group), "{}", case.name);
        }
    }

    #[test]
    fn cases_are_chosen_by_name_and_an_unknown_name_is_refused() {
        let chosen = selected(&["canary".to_owned(), "none".to_owned()]).unwrap();
        assert_eq!(chosen.iter().map(|case| case.name).collect::<Vec<_>>(), ["none", "canary"]);
        assert_eq!(selected(&[]).unwrap().len(), CASES.len());
        let error = selected(&["canari".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("canari") && error.contains("canary"), "{error}");
    }
}
