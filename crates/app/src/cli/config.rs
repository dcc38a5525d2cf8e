use super::output;
use crate::composition;
use icp_settings::Settings;

pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    settings.check_for_serving()?;
    composition::check_adapter_settings(settings)?;
    Ok(output::print(settings)?)
}
