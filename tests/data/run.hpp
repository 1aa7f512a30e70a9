#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <doctest/doctest.h>
#include <stdlib.h>

#include "stages/context_data.hpp"
#include "stages/stage.hpp"

/// Runs stages as a worker does: with checked options, context in, context out.
namespace nsai::tests {

struct folder {
  folder() {
    std::string name = std::filesystem::temp_directory_path() / "nsai-data.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~folder() { std::filesystem::remove_all(path); }
  folder(folder const&) = delete;
  folder& operator=(folder const&) = delete;
  std::filesystem::path path;
};

inline attempt_outcome run(std::string const& name, json options, stages::context const& ctx,
                           stages::stage_env env = {}) {
  static auto const all = stages::built_in_stages();
  auto const* stage = all.find(name);
  REQUIRE(stage != nullptr);
  auto const fault = stages::check_options(stage->describe(), options);
  REQUIRE_FALSE(fault.has_value());
  return run_stage(*stage, json_text::of(options), json_text::of(write_json(ctx)), env);
}

inline stages::context after(attempt_outcome const& outcome) {
  stages::context ctx;
  read_json(outcome.context.value(), ctx);
  return ctx;
}

inline stages::context sample() {
  return after(run("data_load", {{"dataset", "sample"}}, {}));
}

inline stages::context with_dataset(stages::dataset const& data) {
  stages::context ctx;
  ctx.inputs["dataset"] = write_json(data);
  return ctx;
}

inline std::string text_of(std::filesystem::path const& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace nsai::tests
