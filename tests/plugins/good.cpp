// Two sound stages: one that doubles a number, one that ends its process by exit.
#include <cstdlib>
#include <iostream>

#include "stages/option_list.hpp"
#include "stages/plugin.hpp"

namespace {

using namespace nsai;

class doubler final : public stages::stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "double";
    d.summary = "doubles a number";
    d.options = {stages::option("number", "integer", 1, "to double")};
    d.brief = true;
    return d;
  }
  stages::outcome run(stages::context, json const& options, stages::stage_env&) const override {
    std::cout << "doubling" << std::endl;
    return stages::outcome::success({{"number", options.value("number", 1) * 2}});
  }
};

class quitter final : public stages::stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "quit";
    d.summary = "ends its process";
    return d;
  }
  stages::outcome run(stages::context, json const&, stages::stage_env&) const override {
    std::cerr << "giving up" << std::endl;
    std::_Exit(9);
  }
};

}  // namespace

NSAI_STAGE_PLUGIN(to) {
  to.add(std::make_unique<doubler>());
  to.add(std::make_unique<quitter>());
}
