#include "messages/resources.hpp"

#include <doctest/doctest.h>

using namespace nsai;

TEST_CASE("gpu model: a pattern matches whole tokens and ignores case") {
  CHECK(gpu_model_matches("A100", "NVIDIA A100-SXM4-80GB"));
  CHECK(gpu_model_matches("a100", "NVIDIA A100-SXM4-80GB"));
  CHECK_FALSE(gpu_model_matches("A10", "NVIDIA A100-SXM4-80GB"));
  CHECK(gpu_model_matches("A100|H100", "NVIDIA H100 80GB HBM3"));
  CHECK_FALSE(gpu_model_matches("B200", "NVIDIA H100 80GB HBM3"));
  CHECK(gpu_model_matches("", "anything"));
}

TEST_CASE("gpu model: an instance of a divided GPU is meant only by its own words") {
  std::string const instance = "NVIDIA A100-SXM4-40GB MIG 3g.20gb";
  CHECK_FALSE(gpu_model_matches("A100", instance));
  CHECK_FALSE(gpu_model_matches("A100-SXM4-40GB", instance));
  CHECK(gpu_model_matches("MIG", instance));
  CHECK(gpu_model_matches("A100 MIG", instance));
  CHECK(gpu_model_matches("a100-mig-3g.20gb", instance));
  CHECK(gpu_model_matches("A100 3g.20gb", instance));
  CHECK(gpu_model_matches("H100|3g.20gb", instance));
  CHECK_FALSE(gpu_model_matches("H100 MIG", instance));
  CHECK_FALSE(gpu_model_matches("MIG A100", instance));
  CHECK_FALSE(gpu_model_matches("A100 1g.5gb", instance));
  CHECK_FALSE(gpu_model_matches("MIG", "NVIDIA A100-SXM4-40GB"));
  CHECK(gpu_model_matches("", instance));
}

TEST_CASE("resources: asking for a model, memory or share without a count asks for one GPU") {
  for (auto const* text :
       {R"({"gpu": "A100"})", R"({"gpu_memory_mb": 4096})", R"({"gpu_share": 0.5})"}) {
    auto r = json::parse(text).get<resources>();
    CHECK_FALSE(complete_and_check(r));
    CHECK(r.gpu_count == 1);
  }
  resources none;
  CHECK_FALSE(complete_and_check(none));
  CHECK(none.gpu_count == 0);
}

TEST_CASE("resources: a value outside its bounds is refused by its field") {
  resources r;
  r.gpu_share = milli{0};
  CHECK(complete_and_check(r)->field == "resources.gpu_share");
  r = {};
  r.gpu_count = 2;
  r.gpu_share = milli{500};
  CHECK(complete_and_check(r)->field == "resources.gpu_share");
  r = {};
  r.cpu = milli{-1};
  CHECK(complete_and_check(r)->field == "resources.cpu");
  r = {};
  r.gpu = "|-|";
  CHECK(complete_and_check(r)->field == "resources.gpu");
}
