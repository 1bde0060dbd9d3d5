//! What a container is while its inspection waits. The engine holds a container's lock all through its start, so an inspection
//! that comes after the start command answers after the first process runs; a list answers at once. It lacks the
//! openings: those are in the files that the engine writes at `create`, before it announces it. Pure.

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status,
    ContainerSummary, ContainerSummaryStateEnum as Listed, HostConfig, NetworkSettings,
};
use serde::Deserialize;

/// What we read of `config.v2.json`. Its other half, `hostconfig.json`, is a [`HostConfig`]. Neither is documented: what
/// cannot be read is taken from the list, and the inspection corrects it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct OnDisk {
    config: Option<ContainerConfig>,
    state: Option<ContainerState>,
    resolv_conf_path: Option<String>,
}

/// An inspection's answer as far as the list and the engine's own files know it.
pub(super) fn answer(
    summary: ContainerSummary,
    config_json: Option<&str>,
    hostconfig_json: Option<&str>,
) -> ContainerInspectResponse {
    let on_disk: OnDisk = config_json
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let host: Option<HostConfig> = hostconfig_json.and_then(|text| serde_json::from_str(text).ok());
    let network_mode = summary.host_config.and_then(|host| host.network_mode);
    let config = on_disk.config.unwrap_or(ContainerConfig {
        image: summary.image,
        labels: summary.labels,
        ..ContainerConfig::default()
    });
    ContainerInspectResponse {
        id: summary.id,
        name: summary
            .names
            .and_then(|names| names.into_iter().find(|name| name.matches('/').count() == 1)),
        image: summary.image_id,
        config: Some(config),
        host_config: Some(host.unwrap_or(HostConfig {
            network_mode,
            ..HostConfig::default()
        })),
        state: Some(ContainerState {
            status: summary.state.map(status),
            pid: on_disk.state.and_then(|state| state.pid),
            ..ContainerState::default()
        }),
        resolv_conf_path: on_disk.resolv_conf_path,
        network_settings: summary.network_settings.map(|settings| NetworkSettings {
            networks: settings.networks,
            ..NetworkSettings::default()
        }),
        ..ContainerInspectResponse::default()
    }
}

fn status(listed: Listed) -> Status {
    match listed {
        Listed::EMPTY => Status::EMPTY,
        Listed::CREATED => Status::CREATED,
        Listed::RUNNING => Status::RUNNING,
        Listed::PAUSED => Status::PAUSED,
        Listed::RESTARTING => Status::RESTARTING,
        Listed::EXITED => Status::EXITED,
        Listed::REMOVING => Status::REMOVING,
        Listed::DEAD => Status::DEAD,
        Listed::STOPPING => Status::STOPPING,
    }
}

#[cfg(test)]
mod tests;
