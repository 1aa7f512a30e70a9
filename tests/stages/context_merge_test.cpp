#include "stages/context_merge.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

json merge(char const* ancestor, char const* first, char const* second) {
  auto merged = json::parse(first);
  merge_contexts(merged, json::parse(ancestor), json::parse(second));
  return merged;
}

}  // namespace

TEST_CASE("merge: what only one side changed holds, whichever comes second") {
  auto const* old = R"({"metrics": {"a": 1, "b": 1}})";
  auto const* newer = R"({"metrics": {"a": 2, "b": 1}})";
  CHECK(merge(old, newer, old) == json::parse(newer));
  CHECK(merge(old, old, newer) == json::parse(newer));
}

TEST_CASE("merge: additions of both sides are there") {
  CHECK(
      merge(R"({"metrics": {}})", R"({"metrics": {"a": 1}})", R"({"metrics": {"b": {"c": 2}}})") ==
      json::parse(R"({"metrics": {"a": 1, "b": {"c": 2}}})"));
}

TEST_CASE("merge: what one side removed and the other left alone is gone") {
  CHECK(merge(R"({"assigns": {"a": 1, "b": 1}})", R"({"assigns": {"b": 1}})",
              R"({"assigns": {"a": 1, "b": 1, "c": 1}})") ==
        json::parse(R"({"assigns": {"b": 1, "c": 1}})"));
}

TEST_CASE(
    "merge: arrays that both changed become the union, one that one side changed is its own") {
  CHECK(merge(R"({"artifacts": [1]})", R"({"artifacts": [1, 2]})", R"({"artifacts": [1, 3, 2]})") ==
        json::parse(R"({"artifacts": [1, 2, 3]})"));
  CHECK(merge(R"({"artifacts": [1, 2]})", R"({"artifacts": [2]})", R"({"artifacts": [1, 2]})") ==
        json::parse(R"({"artifacts": [2]})"));
}

TEST_CASE("merge: where both changed a value the second wins, and the conflict is listed once") {
  auto const merged = merge(R"({"metrics": {"a": 0}})", R"({"metrics": {"a": 1}})",
                            R"({"metrics": {"a": {"b": 2}}})");
  CHECK(merged.at("metrics").at("a") == json{{"b", 2}});
  auto const expected = json::parse(R"([{"path": "metrics.a", "kept": {"b": 2}, "dropped": 1}])");
  CHECK(merged.at("assigns").at("conflicts") == expected);
  auto again = json::parse(R"({"metrics": {"a": 1}})");
  merge_contexts(again, json::parse(R"({"metrics": {"a": 0}})"), merged);
  CHECK(again.at("assigns").at("conflicts") == expected);
}

TEST_CASE("merge: a value that one side changed and the other removed is a conflict") {
  auto const merged =
      merge(R"({"outputs": {"a": 0}})", R"({"outputs": {"a": 1}})", R"({"outputs": {}})");
  CHECK(merged.at("outputs") == json::object());
  CHECK(merged.at("assigns").at("conflicts") ==
        json::parse(R"([{"path": "outputs.a", "kept": null, "dropped": 1}])"));
}

TEST_CASE("merge: long values are cut in the list of conflicts, between characters") {
  json merged{{"outputs", {{"t", std::string(199, 'x') + "\u00e4 and more"}}}};
  merge_contexts(merged, json::object(), {{"outputs", {{"t", 1}}}});
  auto const dropped = merged.at("assigns").at("conflicts").at(0).at("dropped").get<std::string>();
  CHECK(dropped == "\"" + std::string(199, 'x') + "...");
  CHECK_NOTHROW(merged.dump());
}

TEST_CASE("merge: runs describe themselves differently, which is no conflict") {
  CHECK_FALSE(merge("{}", R"({"experiment": {"id": "a"}})", R"({"experiment": {"id": "b"}})")
                  .contains("assigns"));
}

TEST_CASE("merge: what one side removed and the other changed is there, as a conflict") {
  auto const merged =
      merge(R"({"outputs": {"a": 0}})", R"({"outputs": {}})", R"({"outputs": {"a": 1}})");
  CHECK(merged.at("outputs").at("a") == 1);
  CHECK(merged.at("assigns").at("conflicts").at(0).at("dropped").is_null());
}

TEST_CASE("merge: long lists take about as long as they are") {
  json first{{"a", json::array()}};
  json second = first;
  for (int i = 0; i < 50'000; ++i) {
    first["a"].push_back({{"i", i}});
    second["a"].push_back({{"i", i + 25'000}});
  }
  merge_contexts(first, json::object(), second);
  CHECK(first.at("a").size() == 75'000);
}

TEST_CASE("overlay: what a program says takes the place of what was there, and leaves the rest") {
  CHECK(overlay_context(json::parse(R"({"metrics": {"a": 1, "b": {"c": [1]}}})"),
                        json::parse(R"({"metrics": {"b": {"c": [2]}}, "outputs": {"x": 1}})")) ==
        json::parse(R"({"metrics": {"a": 1, "b": {"c": [2]}}, "outputs": {"x": 1}})"));
}

TEST_CASE("overlay: artifacts are added to those of the stages before") {
  CHECK(overlay_context(json::parse(R"({"artifacts": [{"path": "a"}]})"),
                        json::parse(R"({"artifacts": [{"path": "b"}]})")) ==
        json::parse(R"({"artifacts": [{"path": "a"}, {"path": "b"}]})"));
  CHECK(overlay_context(json::object(), json::parse(R"({"artifacts": [{"path": "b"}]})")) ==
        json::parse(R"({"artifacts": [{"path": "b"}]})"));
}
