// Describes one stage under a name that it must not have: STAGE_NAME, see CMakeLists.txt.
#include "stages/plugin.hpp"

namespace {
class misnamed final : public nsai::stages::stage {
 public:
  nsai::stage_description describe() const override {
    nsai::stage_description d;
    d.name = STAGE_NAME;
    return d;
  }
  nsai::stages::outcome run(nsai::stages::context, nsai::json const&,
                            nsai::stages::stage_env&) const override {
    return nsai::stages::outcome::success(nullptr);
  }
};
}  // namespace

NSAI_STAGE_PLUGIN(to) {
  to.add(std::make_unique<misnamed>());
}
