use super::output;
use crate::composition;
use icp_settings::Settings;

pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    settings.check_for_serving()?;
    composition::check(settings)?;
    Ok(output::print(settings)?)
}
