// A stage that does not heed its stop token.
#include <iostream>

#include <unistd.h>

#include "stages/plugin.hpp"

namespace {
class stubborn final : public nsai::stages::stage {
 public:
  nsai::stage_description describe() const override {
    nsai::stage_description d;
    d.name = "stubborn";
    return d;
  }
  nsai::stages::outcome run(nsai::stages::context, nsai::json const&,
                            nsai::stages::stage_env&) const override {
    std::cout << "began" << std::endl;
    for (;;)
      ::pause();
  }
};
}  // namespace

NSAI_STAGE_PLUGIN(to) {
  to.add(std::make_unique<stubborn>());
}
