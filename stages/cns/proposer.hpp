#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// proposer {model, model_command, retrieval, documents, sentences, claims_per_document,
/// support_threshold, refute_threshold, cross_relations, and the scorer's}: proposes SNOs for the
/// claims of `inputs.dataset` (proposing.hpp). Into `outputs`:
///   snos         sno.hpp; ids "<claim>.c1"
///   relations    of each proposal, and between claims of different questions
///   proposals    [{id, output}]: the text form, which parse_proposal reads
///   predictions  as inputs.dataset.predictions: {id, evidence: {document: {label, sentences}}}
/// and counts into `metrics.proposals` and the result: {proposals, snos, relations,
/// cross_relations, evidence, retrieved: {cited, nearest}, without_documents, empty_claims,
/// malformed_lines, claims_beyond_limit (of a model's texts), pairs_beyond_limit (of claims that
/// were not compared), unknown_documents, duplicate_ids}. Fails with result_too_large, not
/// retryable, as soon as the claims proposed so far, with room for what an antagonist and a
/// synthesizer add to them, are more than a context may hold.
///
/// retrieval `cited`: the claim's cited documents that are in the corpus, where there is none the
/// nearest; `tfidf`: the `documents` nearest by TF-IDF.
/// model `extractive`: extract_drafts; `command`: the program gets lines {"id", "claim",
/// "documents": [{"id", "sentences"}]} and answers each with {"id", "output"}, a text as above.
std::unique_ptr<stage> make_proposer();

}  // namespace nsai::stages
