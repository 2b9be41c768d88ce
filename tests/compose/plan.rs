//! `docker-compose.yml` as a plan: what is started, with which command and environment, after what.
//!
//! It takes the part of the compose file's language that the file uses and refuses every other key,
//! so that nothing a container engine would do is passed over in silence.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keys that change nothing of what a process sees, or what a container may do beside it.
const OF_CONTAINERS: [&str; 8] = [
    "build",
    "cap_drop",
    "image",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
];

/// What must be true of a service before another one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Started,
    Healthy,
    Completed,
}

/// A volume or a folder of the repository, and where the container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) source: String,
    pub(crate) target: String,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) after: Vec<(String, Condition)>,
    /// The command that says whether it is healthy.
    pub(crate) health: Option<Vec<String>>,
}

/// The services in an order in which each comes after those that it waits for.
pub(crate) fn read(yaml: &str) -> Result<Vec<Service>, String> {
    let file: Value = serde_saphyr::from_str(yaml).map_err(|e| e.to_string())?;
    let file = file.as_object().ok_or("no mapping")?;
    let top = ["name", "services", "volumes"];
    if let Some(key) = file.keys().find(|k| !top.contains(&k.as_str()) && !k.starts_with("x-")) {
        return Err(format!("{key} is not known here"));
    }
    let volumes = file.get("volumes").and_then(Value::as_object).cloned().unwrap_or_default();
    let services = file.get("services").and_then(Value::as_object).ok_or("no services")?;
    let mut waiting = Vec::new();
    for (name, service) in services {
        let service = service.as_object().ok_or(format!("{name} is no mapping"))?;
        let service = one(name, service).map_err(|e| format!("{name}: {e}"))?;
        let strange = service
            .mounts
            .iter()
            .find(|m| !m.source.starts_with("./") && !volumes.contains_key(&m.source));
        if let Some(mount) = strange {
            return Err(format!("{name}: the volume {} is not declared", mount.source));
        }
        waiting.push(service);
    }
    ordered(waiting)
}

fn one(name: &str, service: &Map<String, Value>) -> Result<Service, String> {
    let mut read = Service {
        name: name.to_owned(),
        image: text(service.get("image").ok_or("no image")?)?,
        command: Vec::new(),
        environment: BTreeMap::new(),
        mounts: Vec::new(),
        after: Vec::new(),
        health: None,
    };
    for (key, value) in service {
        match key.as_str() {
            "command" => read.command = texts(value)?,
            "environment" => {
                for (name, value) in value.as_object().ok_or("environment is no mapping")? {
                    read.environment.insert(name.clone(), text(value)?);
                }
            }
            "volumes" => {
                for mount in texts(value)? {
                    read.mounts.push(mounted(&mount)?);
                }
            }
            "depends_on" => {
                for (other, how) in value.as_object().ok_or("depends_on is no mapping")? {
                    read.after.push((other.clone(), condition(how)?));
                }
            }
            "healthcheck" => read.health = Some(health(value)?),
            key if OF_CONTAINERS.contains(&key) => {}
            key => return Err(format!("{key} is not known here")),
        }
    }
    Ok(read)
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("{value} must be quoted text"))
        }
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or(format!("{value} must be a list"))?;
    list.iter().map(text).collect()
}

fn mounted(mount: &str) -> Result<Mount, String> {
    let mut parts = mount.split(':');
    let (Some(source), Some(target), None | Some("ro")) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Err(format!("{mount} is no mount that is known here"));
    };
    if !target.starts_with('/') {
        return Err(format!("{target} is not absolute"));
    }
    Ok(Mount { source: source.to_owned(), target: target.to_owned() })
}

fn condition(how: &Value) -> Result<Condition, String> {
    match how.get("condition").and_then(Value::as_str) {
        Some("service_started") => Ok(Condition::Started),
        Some("service_healthy") => Ok(Condition::Healthy),
        Some("service_completed_successfully") => Ok(Condition::Completed),
        _ => Err(format!("{how} is no condition")),
    }
}

fn health(value: &Value) -> Result<Vec<String>, String> {
    let known = ["test", "interval", "timeout", "retries", "start_period"];
    let checks = value.as_object().ok_or("healthcheck is no mapping")?;
    if let Some(key) = checks.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("healthcheck.{key} is not known here"));
    }
    let mut test = texts(checks.get("test").ok_or("no test")?)?;
    if test.first().is_none_or(|first| first != "CMD") {
        return Err("a healthcheck must be CMD and its words".to_owned());
    }
    test.remove(0);
    Ok(test)
}

fn ordered(mut waiting: Vec<Service>) -> Result<Vec<Service>, String> {
    for service in &waiting {
        for (other, condition) in &service.after {
            let other = waiting.iter().find(|s| s.name == *other);
            let other = other.ok_or(format!("{} waits for nobody known", service.name))?;
            if *condition == Condition::Healthy && other.health.is_none() {
                return Err(format!("{} never says that it is healthy", other.name));
            }
        }
    }
    let mut order: Vec<Service> = Vec::new();
    while !waiting.is_empty() {
        let there = |name: &String| order.iter().any(|s| s.name == *name);
        let ready = |s: &Service| s.after.iter().all(|(other, _)| there(other));
        let next = waiting.iter().position(ready).ok_or("the services wait for each other")?;
        order.push(waiting.remove(next));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(yaml: &str) -> Vec<String> {
        read(yaml).unwrap().into_iter().map(|service| service.name).collect()
    }

    #[test]
    fn a_file_becomes_a_plan() {
        let yaml = r#"
name: x
x-common: &common {image: levee, restart: always}
services:
  a:
    <<: *common
    command: [intake, --config, a.toml]
    environment: {PORT: 8080, PLACE: "k:1"}
    volumes: ["keys:/etc/levee:ro", "./deploy:/deploy"]
    depends_on: {b: {condition: service_healthy}, c: {condition: service_completed_successfully}}
  b:
    image: apache/kafka:4.4.0
    healthcheck: {test: [CMD, ok, now], interval: 2s}
  c:
    <<: *common
    depends_on: {b: {condition: service_started}}
volumes: {keys: {}}
"#;
        assert_eq!(names(yaml), ["b", "c", "a"]);
        let a = read(yaml).unwrap().pop().unwrap();
        assert_eq!((a.image.as_str(), a.command.len()), ("levee", 3));
        assert_eq!(a.environment["PORT"], "8080");
        let mount =
            |source: &str, target: &str| Mount { source: source.into(), target: target.into() };
        assert_eq!(a.mounts, [mount("keys", "/etc/levee"), mount("./deploy", "/deploy")]);
        assert_eq!(a.after[1], ("c".to_owned(), Condition::Completed));
        assert_eq!(read(yaml).unwrap()[0].health, Some(vec!["ok".to_owned(), "now".to_owned()]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (body, saying) in [
            ("a: {image: x, entrypoint: [y]}", "entrypoint is not known"),
            ("a: {command: [y]}", "no image"),
            ("a: {image: x, command: y}", "must be a list"),
            ("a: {image: x, environment: {A: true}}", "must be quoted"),
            ("a: {image: x, volumes: [\"v:/v\"]}", "the volume v is not declared"),
            ("a: {image: x, volumes: [\"./v:/v:rw,z\"]}", "is no mount"),
            ("a: {image: x, depends_on: {b: {condition: service_started}}}", "nobody known"),
            ("a: {image: x, depends_on: {a: {condition: service_started}}}", "wait for each other"),
            (
                "a: {image: x, depends_on: {b: {condition: service_healthy}}}\n  b: {image: x}",
                "healthy",
            ),
            ("a: {image: x, depends_on: {b: {condition: soon}}}\n  b: {image: x}", "no condition"),
            ("a: {image: x, healthcheck: {test: [CMD-SHELL, x]}}", "must be CMD"),
            ("a: {image: x, healthcheck: {test: [CMD], disable: 1}}", "disable is not known"),
        ] {
            let refused = read(&format!("services:\n  {body}\n")).unwrap_err();
            assert!(refused.contains(saying), "{body}: {refused}");
        }
        assert!(read("services: {}\nnetworks: {}").unwrap_err().contains("networks"));
    }
}
