#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {min_claims, max_missing_documents, against, fail_on}: looks over the data set of the context
/// and the texts of its corpus. Result and `metrics.data_checks`: {"passed", "errors", "warnings",
/// "checks": [{"name", "severity": error | warning | info, "count", "examples": the first five}],
/// "labels", "lengths"}. A check with count 0 found nothing. Errors:
///   too_few_claims             fewer than min_claims; the count is what is missing
///   duplicate_claim_ids        claims whose id came before
///   empty_claims               claims without a word
///   sentences_out_of_range     evidence that the abstract has no sentence for
///   too_many_missing_documents the share of documents that are named and not in the corpus is
///   above
///                              max_missing_documents; the count is that of missing_documents
///   shared_claim_ids, shared_claim_texts   with those of the claims file `against` (a split that
///                              leaks; its relative path is from the experiment's folder). Texts
///                              are compared by their words.
/// Warnings: broken_lines, duplicate_lines (of the files), duplicate_claim_texts,
/// near_duplicate_claim_texts (the same content words in any order), missing_documents,
/// class_imbalance (labels with less than a tenth of the claims). Info: claims_without_evidence,
/// empty_evidence.
/// fail_on (none, error, warning; default error): from which severity on a finding fails the stage
/// with `data_checks_failed`.
std::unique_ptr<stage> make_data_checks();

}  // namespace nsai::stages
