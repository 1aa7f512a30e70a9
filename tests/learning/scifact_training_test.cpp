// On SciFact's real claims, where they lie beside the checkout.
#include <filesystem>

#include <doctest/doctest.h>

#include "stages/learning/training.hpp"
#include "tests/learning/work_folder.hpp"
#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;

TEST_CASE("on SciFact the network is better than the majority and the nearest centroid") {
  std::filesystem::path const folder{NSAI_SOURCE_DIR "/../shared/data/scifact"};
  if (!std::filesystem::exists(folder / "claims_train.jsonl")) {
    tests::skip("the SciFact data is not beside the checkout");
    return;
  }
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  auto const training = make_training();
  json options{{"claims", (folder / "claims_train.jsonl").string()},
               {"corpus", (folder / "corpus.jsonl").string()},
               {"dev_claims", (folder / "claims_dev.jsonl").string()},
               {"seeds", 5}};
  REQUIRE_FALSE(check_options(training->describe(), options));
  auto const told = run_stage(*training, json_text::of(options), {}, env);
  REQUIRE_MESSAGE(told.result == attempt_result::succeeded,
                  (told.error ? told.error->message : ""));
  auto const metrics = told.value.value();
  CHECK(metrics.at("counts").at("train").at("pairs") == 236);
  CHECK(metrics.at("counts").at("dev").at("pairs") == 96);
  CHECK(metrics.at("counts").at("train").at("missing_documents").get<int>() > 0);
  CHECK(metrics.at("runs").size() == 5);
  for (auto const* baseline : {"majority", "nearest_centroid"})
    for (auto const& run : metrics.at("runs"))
      for (auto const* score : {"accuracy", "macro_f1"})
        CHECK(run.at(score).get<double>() >
              metrics.at("baselines").at(baseline).at(score).get<double>() + 0.02);
  CHECK(metrics.at("dev_accuracy").get<double>() > 0.50);
  CHECK(metrics.at("dev_macro_f1").get<double>() > 0.45);
  auto const interval = metrics.at("intervals").at("accuracy");
  CHECK(interval.at(0) < metrics.at("dev_accuracy"));
  CHECK(interval.at(1) > metrics.at("dev_accuracy"));
}
