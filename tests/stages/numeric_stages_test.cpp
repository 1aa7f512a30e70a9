// The numeric stages as a job runs them: options, artifacts, results, and which device computes.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "stages/gpu_trials.hpp"
#include "stages/npy.hpp"
#include "stages/on_device.hpp"
#include "stages/similarity.hpp"
#include "stages/topology.hpp"

using namespace nsai;
using namespace nsai::stages;
namespace fs = std::filesystem;

namespace {

struct work_folder {
  work_folder() {
    std::string name = fs::temp_directory_path() / "nsai-numeric.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~work_folder() { fs::remove_all(path); }
  fs::path path;
};

attempt_outcome run_numeric(std::unique_ptr<stage> const& s, json options, stage_env& env,
                            context const& ctx = {}) {
  auto const fault = check_options(s->describe(), options);
  REQUIRE(!fault);
  return run_stage(*s, json_text::of(options), json_text::of(write_json(ctx)), env);
}

device_grant grant(bool is_virtual) {
  device_grant g;
  g.model = "NVIDIA A100";
  g.is_virtual = is_virtual;
  return g;
}

std::string refusal_of(json const& given) {
  try {
    matrix_of(given, "options.points", "/nonexistent");
  } catch (shape_error const& e) {
    return e.what();
  }
  return "";
}

void put_file(fs::path const& file, std::string const& text) {
  std::ofstream{file, std::ios::binary} << text;
}

std::string npy_of(std::string header, std::string const& values) {
  header += '\n';
  std::string text = std::string{"\x93NUMPY\x01"} + '\0';
  text += static_cast<char>(header.size());
  text += '\0';
  return text + header + values;
}

}  // namespace

TEST_CASE("similarity searches rows given in the options, and leaves NumPy files as artifacts") {
  work_folder where;
  stage_env env;
  env.artifacts = where.path / "artifacts";
  auto const told = run_numeric(
      make_similarity(),
      {{"queries", {{1, 0}, {0, 2}}}, {"corpus", {{0, 1}, {1, 1}, {3, 0}}}, {"k", 2}}, env);
  REQUIRE(told.result == attempt_result::succeeded);
  auto const result = told.value.value();
  CHECK(result.at("neighbours")[0][0].at("index") == 2);
  CHECK(result.at("neighbours")[1][0].at("index") == 0);
  CHECK(result.at("device").at("kind") == "cpu");
  CHECK_FALSE(result.at("device").contains("virtual_gpu"));
  auto const scores = read_npy(env.artifacts / "scores.npy", "scores");
  CHECK(scores.rows == 2);
  CHECK(scores.columns == 2);
  CHECK(scores.values[0] == 1);
  context after;
  read_json(told.context.value(), after);
  CHECK(after.metrics.at("similarity").at("mean_best") == 1);
}

TEST_CASE("similarity takes .npy files, relative to the experiment's folder") {
  work_folder where;
  std::vector<float> const rows{1, 2, 3, 4, 5, 6};
  write_npy(where.path / "corpus.npy", rows, 3);
  context ctx;
  ctx.experiment["base_dir"] = where.path.string();
  stage_env env;
  env.artifacts = where.path / "artifacts";
  auto const told = run_numeric(
      make_similarity(), {{"queries", "corpus.npy"}, {"corpus", "corpus.npy"}, {"k", 1}}, env, ctx);
  REQUIRE(told.result == attempt_result::succeeded);
  for (int i = 0; i < 3; ++i)
    CHECK(told.value.value().at("neighbours")[i][0].at("index") == i);
}

TEST_CASE("a virtual GPU gives the CPU twin's result, and the result says so") {
  work_folder where;
  stage_env env;
  env.artifacts = where.path;
  env.devices = {grant(true)};
  env.gpu = []() -> compute& { throw std::logic_error("a virtual GPU is not asked"); };
  auto const told = run_numeric(make_gpu_noop(), json::object(), env);
  REQUIRE(told.result == attempt_result::succeeded);
  CHECK(told.value.value().at("device").at("kind") == "cpu");
  CHECK(told.value.value().at("device").at("virtual_gpu") == "NVIDIA A100");
}

TEST_CASE("a real GPU that fails never falls back: retry, the job's fault, or the hardware's") {
  stage_env env;
  env.devices = {grant(false)};
  auto const with = [&](fault_class who, bool sticky) {
    env.device_lost = false;
    env.gpu = [=]() -> compute& { throw device_error("the copy: it failed", who, sticky); };
    return run_numeric(make_gpu_noop(), json::object(), env);
  };
  auto const again = with(fault_class::retry, false);
  CHECK(again.result == attempt_result::failed);
  CHECK(again.error->code == "gpu_error");
  CHECK(again.error->retryable);
  CHECK_FALSE(env.device_lost);
  auto const own = with(fault_class::fail_job, true);
  CHECK(own.result == attempt_result::failed);
  CHECK_FALSE(own.error->retryable);
  CHECK(env.device_lost);
  auto const hardware = with(fault_class::quarantine, true);
  CHECK(hardware.result == attempt_result::device_fault);
  CHECK(hardware.error->category == "infra");
  CHECK(hardware.error->code == "gpu_fault");

  env.gpu = nullptr;  // the node's own process
  auto const inside = run_numeric(make_gpu_noop(), json::object(), env);
  CHECK(inside.result == attempt_result::failed);
  CHECK(inside.error->message.find("stage hosts only") != std::string::npos);
}

TEST_CASE("ngram_features reads an array, lines, or a field of JSON lines") {
  work_folder where;
  stage_env env;
  env.artifacts = where.path / "artifacts";
  put_file(where.path / "plain.txt", "one two\nthree\n");
  put_file(where.path / "docs.jsonl", "{\"t\": \"one two\"}\n{\"t\": \"three\"}\n");
  auto const features = [&](json const& options) {
    auto const told = run_numeric(make_ngram_features(), options, env);
    REQUIRE(told.result == attempt_result::succeeded);
    return read_npy(env.artifacts / "features.npy", "features").values;
  };
  auto const plain = features({{"texts", (where.path / "plain.txt").string()}, {"buckets", 32}});
  CHECK(plain.size() == 64);
  CHECK(plain == features({{"texts", {"one two", "three"}}, {"buckets", 32}}));
  CHECK(
      plain ==
      features({{"texts", (where.path / "docs.jsonl").string()}, {"field", "t"}, {"buckets", 32}}));
  auto const told =
      run_numeric(make_ngram_features(),
                  {{"texts", (where.path / "docs.jsonl").string()}, {"field", "title"}}, env);
  CHECK(told.result == attempt_result::failed);
  CHECK(
      told.error->message ==
      "options.texts: docs.jsonl:1 has no text \"title\"; expected a JSON object with it on every "
      "line");
}

TEST_CASE("topology finds the loop of a square: born at its side, closed at its diagonal") {
  work_folder where;
  stage_env env;
  env.artifacts = where.path / "artifacts";
  json const square{{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  auto const told = run_numeric(make_topology(), {{"points", square}, {"scales", 3}}, env);
  REQUIRE(told.result == attempt_result::succeeded);
  auto const result = told.value.value();
  CHECK(result.at("loops") == 1);
  CHECK(result.at("bars")[0].at("birth") == 1);
  CHECK(result.at("bars")[0].at("death").get<double>() == doctest::Approx(std::sqrt(2.0)));
  CHECK(result.at("curve").size() == 3);
  context after;
  read_json(told.context.value(), after);
  CHECK(after.metrics.at("topology").at("max_persistence").get<double>() ==
        doctest::Approx(std::sqrt(2.0) - 1));

  // Up to 1.2 the loop is not closed: it has no death there.
  auto const part = run_numeric(make_topology(), {{"points", square}, {"max_scale", 1.2}}, env);
  CHECK(part.value.value().at("bars")[0].at("death").is_null());
}

TEST_CASE("the probe's result has every rate, null where there is none") {
  stage_env env;
  auto const told = run_numeric(make_gpu_probe(), json::object(), env);
  REQUIRE(told.result == attempt_result::succeeded);
  auto const result = told.value.value();
  CHECK(result.at("copy_gb_per_s").get<double>() > 0);
  CHECK(result.at("bf16_tflops").is_null());
  CHECK(result.at("missing").size() == 1);
}

TEST_CASE("matrices in options are refused with the row that is wrong") {
  CHECK(refusal_of(json::array()) ==
        "options.points: an empty array; expected the path of an .npy file, or an array of rows of "
        "numbers");
  CHECK(refusal_of({{1, 2}, {3}}) ==
        "options.points[1]: a row of 1 numbers; expected one of 2 numbers, as before");
  CHECK(refusal_of({{1, "x"}}) == "options.points[0]: string; expected numbers");
  CHECK(refusal_of({{1, 1e300}}) ==
        "options.points: row 0, column 1 is inf; expected finite numbers");
  CHECK(refusal_of("a.npy").find("/nonexistent/a.npy cannot be read") != std::string::npos);
}

TEST_CASE(".npy files: doubles are read, everything that is not a matrix of floats is refused") {
  work_folder where;
  auto const file = where.path / "x.npy";
  auto const read = [&](std::string const& text) -> std::string {
    put_file(file, text);
    try {
      auto const m = read_npy(file, "f");
      return std::to_string(m.rows) + "x" + std::to_string(m.columns);
    } catch (shape_error const& e) {
      return e.what();
    }
  };
  std::string const two_doubles(16, '\0');
  CHECK(read(npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", two_doubles)) ==
        "1x2");
  CHECK(read(npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", two_doubles)) ==
        "2x2");
  for (auto const& text :
       {std::string{"PK"}, std::string{},
        npy_of("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", two_doubles),
        npy_of("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", two_doubles),
        npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", two_doubles),
        npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", two_doubles),
        npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
               two_doubles),
        npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }", ""),
        npy_of("{'descr': '<f4'", two_doubles)})
    CHECK(read(text).find("expected an .npy file of two dimensions") != std::string::npos);
}
