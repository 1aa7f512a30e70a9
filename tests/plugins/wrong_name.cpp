// Describes a stage whose name is not allowed.
#include "stages/plugin.hpp"

namespace {
class misnamed final : public nsai::stages::stage {
 public:
  nsai::stage_description describe() const override {
    nsai::stage_description d;
    d.name = "no such name";
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
