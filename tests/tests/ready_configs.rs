//! The configurations in `envoy-configs/jwt-auth`, as operators copy them, in stock Envoy: only names,
//! addresses and the authority that is trusted are replaced. The issuers are played by a server with TLS.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_e2e::certificates::Authority;
use tollgate_e2e::client;
use tollgate_e2e::envoy::{Bootstrap, Cluster, Listener, Process, Route};
use tollgate_e2e::tokens::{self, SigningKey, ec_key, jwks, rsa_key};
use tollgate_e2e::upstream::{Answer, Upstream};
use tollgate_e2e::{modules, workspace_root};

/// What a configuration is for.
struct Ready {
    file: &'static str,
    /// What stands in the place of the words in capitals.
    words: &'static [(&'static str, &'static str)],
    /// Where the keys come from; nobody is asked if there is none.
    issuer: Option<(&'static str, &'static str)>,
    key: &'static SigningKey,
    typ: &'static str,
    claims: Value,
    /// A path that asks for more, and the claims that it asks for.
    more: Option<(&'static str, Value)>,
}

/// Envoy with the configuration, and all that it needs.
struct Stage {
    envoy: Process,
    application: Upstream,
    keys: Upstream,
    _issuer: Process,
}

impl Ready {
    async fn start(&self) -> Result<Stage> {
        let (application, keys) = (Upstream::start().await?, Upstream::start().await?);
        let published = self.published();
        keys.respond(move |request| {
            match published.iter().find(|(path, _)| *path == request.path) {
                Some((_, document)) => Answer::status(200).body(document.clone()),
                None => Answer::status(404),
            }
        });
        let authority = Authority::new()?;
        let host = self.issuer.map_or("unused.example", |(host, _)| host);
        let identity = authority.issue(host, &[host])?;
        let listener =
            Listener::new("issuer").tls(&identity, &authority).route(Route::prefix("/").to("keys"));
        let cluster = Cluster::new("keys", keys.address());
        let issuer =
            Process::start(&Bootstrap::new().listener(listener).cluster(cluster).build(), 1)
                .await?;
        let folder = tempfile::tempdir()?;
        let trusted = folder.path().join("authority.pem");
        fs::write(&trusted, authority.certificate())?;
        let address = issuer.address("issuer")?;
        let config = self.filled(address, application.address(), &trusted.to_string_lossy())?;
        let path = folder.path().join("envoy.yaml");
        fs::write(&path, config)?;
        let envoy = Process::start_file(&path, 2).await?;
        Ok(Stage { envoy, application, keys, _issuer: issuer })
    }

    /// Path and text of what the issuer publishes.
    fn published(&self) -> Vec<(String, String)> {
        let keys = jwks(&[self.key]).to_string();
        let Some((_, path)) = self.issuer else { return Vec::new() };
        let discovery = json!({
            "issuer": self.claims["iss"],
            "jwks_uri": format!("{}/keys", self.claims["iss"].as_str().unwrap_or_default()),
        });
        match path.strip_suffix("/.well-known/openid-configuration") {
            Some(realm) => {
                vec![(path.to_owned(), discovery.to_string()), (format!("{realm}/keys"), keys)]
            }
            None => vec![(path.to_owned(), keys)],
        }
    }

    /// The file with everything in its place.
    fn filled(&self, issuer: SocketAddr, application: SocketAddr, trusted: &str) -> Result<String> {
        let path = workspace_root().join("envoy-configs/jwt-auth").join(self.file);
        let mut text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let module = modules::path("jwt-auth")?;
        let mut replace = |from: &str, to: &str| {
            ensure!(text.contains(from), "{}: {from} is not in it", self.file);
            text = text.replace(from, to);
            Ok(())
        };
        for (word, value) in self.words {
            replace(word, value)?;
        }
        match self.issuer {
            Some((host, _)) => {
                let at = |host: &str, port: u16| format!("address: {host}, port_value: {port} }}");
                replace(&at(host, 443), &at(&issuer.ip().to_string(), issuer.port()))?;
                replace("/etc/ssl/certs/ca-certificates.crt", trusted)?;
            }
            None => {
                let keys = jwks(&[self.key]);
                replace("host_env_keys: [JWKS]", &format!("key_values: {{ JWKS: '{keys}' }}"))?;
            }
        }
        let address =
            format!("address: {}, port_value: {} }}", application.ip(), application.port());
        replace("address: APPLICATION, port_value: 80 }", &address)?;
        replace("address: 127.0.0.1, port_value: 9901", "address: 127.0.0.1, port_value: 0")?;
        replace("address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0")?;
        replace("/etc/envoy/jwt-auth.wasm", &module.to_string_lossy())?;
        Ok(text)
    }

    fn token(&self, changes: &Value) -> String {
        let mut claims = self.claims.clone();
        claims["exp"] = json!(tokens::now() + 600);
        claims["iat"] = json!(tokens::now());
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let header = json!({ "alg": self.key.algorithm(), "kid": self.key.kid(), "typ": self.typ });
        self.key.sign_with_header(&header, &claims)
    }

    /// Starts it, and looks at what it lets pass.
    async fn check(self) -> Result<()> {
        let stage = self.start().await?;
        assert_eq!(stage.get("/healthz", None).await?, 200, "{}: /healthz", self.file);
        assert_eq!(stage.get("/", None).await?, 401, "{}: no token", self.file);
        let token = self.token(&json!({}));
        assert_eq!(stage.get("/", Some(&token)).await?, 200, "{}: a token", self.file);
        let arrived = stage.application.last()?;
        assert_eq!(arrived.header("x-user"), [b"alice"], "{}: the user", self.file);
        assert!(arrived.header("authorization").is_empty(), "{}: the token", self.file);
        let tampered = tokens::tampered(&token);
        assert_eq!(stage.get("/", Some(&tampered)).await?, 401, "{}: tampered", self.file);
        let other = self.token(&json!({ "aud": "other" }));
        assert_eq!(stage.get("/", Some(&other)).await?, 403, "{}: audience", self.file);
        if let Some((path, claims)) = &self.more {
            let more = self.token(claims);
            assert_eq!(stage.get(path, Some(&token)).await?, 403, "{}: {path}", self.file);
            assert_eq!(stage.get(path, Some(&more)).await?, 200, "{}: {path}", self.file);
        }
        assert_eq!(stage.keys.count() > 0, self.issuer.is_some(), "{}: the issuer", self.file);
        Ok(())
    }
}

impl Stage {
    async fn get(&self, path: &str, token: Option<&str>) -> Result<u16> {
        let request = client::get(self.envoy.address("ingress")?, path);
        let request = match token {
            Some(token) => request.bearer(token),
            None => request,
        };
        Ok(request.send().await?.status)
    }
}

#[tokio::test]
async fn the_configuration_for_auth0_works() -> Result<()> {
    Ready {
        file: "auth0.yaml",
        words: &[("TENANT", "shop.eu"), ("API-IDENTIFIER", "https://api.example")],
        issuer: Some(("shop.eu.auth0.com", "/.well-known/jwks.json")),
        key: rsa_key(),
        typ: "JWT",
        claims: json!({
            "iss": "https://shop.eu.auth0.com/",
            "aud": ["https://api.example", "https://shop.eu.auth0.com/userinfo"],
            "sub": "alice",
            "scope": "openid profile",
        }),
        more: Some(("/admin/users", json!({ "scope": "openid admin" }))),
    }
    .check()
    .await
}

#[tokio::test]
async fn the_configuration_for_firebase_works() -> Result<()> {
    let path = "/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
    Ready {
        file: "firebase.yaml",
        words: &[("PROJECT", "shop-1234")],
        issuer: Some(("www.googleapis.com", path)),
        key: rsa_key(),
        typ: "JWT",
        claims: json!({
            "iss": "https://securetoken.google.com/shop-1234",
            "aud": "shop-1234",
            "sub": "alice",
            "user_id": "alice",
            "email_verified": false,
            "firebase": { "sign_in_provider": "password" },
        }),
        more: Some(("/members", json!({ "email_verified": true }))),
    }
    .check()
    .await
}

#[tokio::test]
async fn the_configuration_for_google_works() -> Result<()> {
    Ready {
        file: "google.yaml",
        words: &[("CLIENT-ID", "1234-abcd"), ("WORKSPACE-DOMAIN", "shop.example")],
        issuer: Some(("www.googleapis.com", "/oauth2/v3/certs")),
        key: rsa_key(),
        typ: "JWT",
        claims: json!({
            "iss": "https://accounts.google.com",
            "aud": "1234-abcd.apps.googleusercontent.com",
            "sub": "alice",
            "email": "alice@mail.example",
        }),
        more: Some(("/staff", json!({ "hd": "shop.example" }))),
    }
    .check()
    .await
}

#[tokio::test]
async fn the_configuration_for_keycloak_works() -> Result<()> {
    Ready {
        file: "keycloak.yaml",
        words: &[("KEYCLOAK", "keycloak.example"), ("REALM", "shop")],
        issuer: Some(("keycloak.example", "/realms/shop/.well-known/openid-configuration")),
        key: rsa_key(),
        typ: "JWT",
        claims: json!({
            "iss": "https://keycloak.example/realms/shop",
            "aud": "account",
            "sub": "f3c1",
            "preferred_username": "alice",
            "realm_access": { "roles": ["user", "editor"] },
        }),
        more: Some(("/admin", json!({ "realm_access": { "roles": ["user", "admin"] } }))),
    }
    .check()
    .await
}

#[tokio::test]
async fn the_configuration_for_an_issuer_of_ones_own_works() -> Result<()> {
    Ready {
        file: "custom.yaml",
        words: &[
            ("https://ISSUER", "https://issuer.example"),
            ("https://API", "https://api.example"),
        ],
        issuer: None,
        key: ec_key(),
        typ: "at+jwt",
        claims: json!({
            "iss": "https://issuer.example",
            "aud": "https://api.example",
            "sub": "alice",
            "client_id": "shop",
        }),
        more: None,
    }
    .check()
    .await
}
