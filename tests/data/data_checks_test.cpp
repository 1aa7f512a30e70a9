#include "stages/data/data_checks.hpp"

#include <doctest/doctest.h>

#include "tests/data/run.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::run;

namespace {

json check_named(json const& told, std::string const& name) {
  for (auto const& each : told.at("checks"))
    if (each.at("name") == name)
      return each;
  FAIL("no check " << name);
  return {};
}

/// Five claims, with one of each oddity.
context odd(tests::folder const& where) {
  std::ofstream{where.path / "claims.jsonl"}
      << R"({"id": 1, "claim": "Aspirin reduces pain.", "evidence": {"5": [{"sentences": [0, 2], "label": "SUPPORT"}]}, "cited_doc_ids": [5]})"
      << "\n"
      << R"({"id": 2, "claim": "aspirin reduces  pain", "evidence": {"5": []}, "cited_doc_ids": [6]})"
      << "\n"
      << R"({"id": 3, "claim": "Pain is reduced by aspirin", "evidence": {"7": [{"sentences": [0], "label": "SUPPORT"}]}})"
      << "\n"
      << R"({"id": 4, "claim": "?!"})"
      << "\n"
      << "broken\n"
      << R"({"id": 1, "claim": "again"})"
      << "\n";
  std::ofstream{where.path / "corpus.jsonl"} << R"({"doc_id": 5, "abstract": ["One.", "Two."]})"
                                             << "\n";
  return tests::after(run("data_load",
                          {{"claims", (where.path / "claims.jsonl").string()},
                           {"corpus", (where.path / "corpus.jsonl").string()}},
                          {}));
}

}  // namespace

TEST_CASE("every oddity is found with its count and an example") {
  tests::folder where;
  auto const done = run("data_checks", {{"fail_on", "none"}, {"min_claims", 6}}, odd(where));
  REQUIRE(done.result == attempt_result::succeeded);
  auto const told = done.value.value();
  auto const found = [&](char const* name, int count, std::string const& example) {
    auto const check = check_named(told, name);
    CAPTURE(name);
    CHECK(check.at("count") == count);
    CHECK(check.at("examples").at(0) == example);
  };
  found("too_few_claims", 2, "4 of at least 6");
  found("empty_claims", 1, "4");
  found("duplicate_claim_texts", 1, "2 as 1");
  found("near_duplicate_claim_texts", 1, "3 as 1");
  found("sentences_out_of_range", 1, "claim 1, document 5: sentence 2 of 2");
  found("missing_documents", 2, "6");
  found("empty_evidence", 1, "claim 2, document 5");
  found("claims_without_evidence", 2, "2");
  found("broken_lines", 1, "see inputs.dataset.notes");
  found("duplicate_lines", 1, "see inputs.dataset.notes");
  found("class_imbalance", 1, "CONTRADICT: 0 of 4");
  CHECK(check_named(told, "duplicate_claim_ids").at("count") == 0);
  CHECK(told.at("labels") == json{{"SUPPORT", 2}, {"CONTRADICT", 0}, {"NEI", 2}});
  // 3, 3, 5 and 0 words.
  CHECK(told.at("lengths").at("words_a_claim") ==
        json{{"min", 0.0}, {"median", 3.0}, {"mean", 2.75}, {"max", 5.0}});
  CHECK(told.at("errors") == 3);
  CHECK(told.at("passed") == true);
  CHECK(tests::after(done).metrics.at("data_checks") == told);
}

TEST_CASE("fail_on: errors fail the stage by default, warnings only when asked") {
  tests::folder where;
  auto const failed = run("data_checks", nullptr, odd(where));
  REQUIRE(failed.error);
  CHECK(failed.error->code == "data_checks_failed");
  CHECK(failed.error->message.find("error sentences_out_of_range: 1 (claim 1") !=
        std::string::npos);
  CHECK(failed.value.value().at("passed") == false);
  auto const sample = tests::sample();
  CHECK(run("data_checks", nullptr, sample).result == attempt_result::succeeded);
  auto const warned = run("data_checks", {{"fail_on", "warning"}}, sample);
  CHECK(warned.value.value().at("errors") == 0);
  CHECK(warned.value.value().at("warnings").get<int>() > 0);
  REQUIRE(warned.error);
  CHECK(warned.error->code == "data_checks_failed");
  CHECK(warned.error->message.starts_with("warning "));
  CHECK(warned.value.value().at("passed") == false);
}

TEST_CASE("the share of missing documents is bounded; the bound itself is allowed") {
  dataset data;
  data.claims = {{"1", "a gene", {}, {"5", "6"}}};
  data.documents = {"5"};
  auto const ctx = tests::with_dataset(data);
  CHECK(run("data_checks", {{"max_missing_documents", 0.5}}, ctx).result ==
        attempt_result::succeeded);
  auto const above = run("data_checks", {{"max_missing_documents", 0.49}}, ctx);
  REQUIRE(above.error);
  CHECK(above.error->message.find("too_many_missing_documents: 1 (1 of 2)") != std::string::npos);
}

TEST_CASE("claims that two splits share are a leak, by id and by words") {
  tests::folder where;
  std::ofstream{where.path / "train.jsonl"} << R"({"id": 9, "claim": "A GENE, is present!"})"
                                            << "\n"
                                            << R"({"id": 2, "claim": "other"})"
                                            << "\n";
  dataset data;
  data.claims = {{"1", "a gene is present", {}, {}}, {"2", "cells", {}, {}}};
  auto ctx = tests::with_dataset(data);
  ctx.experiment["base_dir"] = where.path.string();
  auto const done = run("data_checks", {{"against", "train.jsonl"}}, ctx);
  REQUIRE(done.error);
  auto const told = done.value.value();
  CHECK(check_named(told, "shared_claim_ids").at("examples") == json{"2"});
  CHECK(check_named(told, "shared_claim_texts").at("examples") == json{"1"});
  CHECK(run("data_checks", {{"against", "none.jsonl"}}, ctx)
            .error->message.starts_with("options.against: "));
  CHECK(run("data_checks", nullptr, {}).error->code == "no_dataset");
}

TEST_CASE("positions below 0, which only a context can have, are out of range") {
  tests::folder where;
  auto ctx = odd(where);
  ctx.inputs["dataset"]["claims"][0]["evidence"]["5"][0]["sentences"] = {-1, 1, 2};
  auto const range = check_named(run("data_checks", {{"fail_on", "none"}}, ctx).value.value(),
                                 "sentences_out_of_range");
  CHECK(range.at("count") == 2);
  CHECK(range.at("examples").at(0) == "claim 1, document 5: sentence -1 of 2");
}

TEST_CASE("a device as the other split is refused, a line of it that nests too deep is broken") {
  tests::folder where;
  dataset data;
  data.claims = {{"1", "a gene is present", {}, {}}};
  auto ctx = tests::with_dataset(data);
  ctx.experiment["base_dir"] = where.path.string();
  CHECK(run("data_checks", {{"against", "/dev/zero"}}, ctx)
            .error->message.starts_with("options.against: /dev/zero is no regular file"));
  std::ofstream{where.path / "deep.jsonl"} << R"({"id": 1, "claim": "a gene is present", "x": )"
                                           << std::string(100'000, '[') << std::string(100'000, ']')
                                           << "}\n";
  CHECK(run("data_checks", {{"against", "deep.jsonl"}}, ctx).result == attempt_result::succeeded);
}
