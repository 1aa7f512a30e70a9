// Two stages that leave something in their process: memory, and a process of their own.
#include <cstdlib>
#include <vector>

#include <spawn.h>
#include <unistd.h>

#include "stages/option_list.hpp"
#include "stages/plugin.hpp"

namespace {

using namespace nsai;

stage_description described(char const* name, char const* summary) {
  stage_description d;
  d.name = name;
  d.summary = summary;
  return d;
}

class hoarder final : public stages::stage {
 public:
  stage_description describe() const override {
    auto d = described("hoard", "keeps memory for good");
    d.options = {stages::option("memory_mb", "integer", 1, "to keep")};
    return d;
  }
  stages::outcome run(stages::context, json const& options, stages::stage_env&) const override {
    static std::vector<std::vector<char>> kept;
    kept.emplace_back(static_cast<std::size_t>(options.value("memory_mb", 1)) << 20, 'x');
    return stages::outcome::success({});
  }
};

class lingerer final : public stages::stage {
 public:
  stage_description describe() const override {
    return described("linger", "leaves a process behind and tells its number");
  }
  stages::outcome run(stages::context, json const&, stages::stage_env&) const override {
    char program[] = "/bin/sleep";
    char word[] = "600";
    char* argv[] = {program, word, nullptr};
    pid_t pid = 0;
    ::posix_spawn(&pid, program, nullptr, nullptr, argv, environ);
    return stages::outcome::success({{"pid", pid}});
  }
};

}  // namespace

NSAI_STAGE_PLUGIN(to) {
  to.add(std::make_unique<hoarder>());
  to.add(std::make_unique<lingerer>());
}
