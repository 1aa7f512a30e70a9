#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stages/cns/sno.hpp"
#include "stages/corpus.hpp"
#include "stages/proposer_text.hpp"
#include "stages/text/scorer.hpp"

/// How a claim of the data set becomes SNOs, without files and options.
namespace nsai::stages {

struct proposer_settings {
  std::size_t sentences = 3;            // of evidence for a claim, at most
  std::size_t claims_per_document = 2;  // extracted from each
  double support_threshold = 0.5;       // least P(entails) of a support
  double refute_threshold = 0.5;        // least P(contradicts) of a refutation
  std::size_t cross_relations = 4;      // pairs with other questions that are scored for a claim
};

/// A claim of the data set with the documents that were retrieved for it.
struct question {
  gold_claim const* claim = nullptr;
  std::vector<abstract const*> documents;
};

/// Claims and relations with ids as in a proposer's text ("c1").
struct draft {
  std::vector<proposed_claim> claims;
  std::vector<proposed_relation> relations;
  std::map<std::string, predicted_document> labels;  // of the documents
  std::int64_t malformed = 0;
  std::int64_t claims_beyond_limit = 0;  // that a model wrote and that are left out
  std::int64_t pairs_beyond_limit = 0;   // of claims that were not compared (pair_batch.hpp)
  /// The labels follow from the relations, once the claims have evidence.
  bool labels_from_relations = false;
};

/// What a pair's scores say: supports where P(entails) reaches its threshold and is not less than
/// P(contradicts); else refutes where P(contradicts) reaches its own; else nothing.
std::optional<relation_kind> relation_of(entailment const& scores, proposer_settings const& s);

/// Without a model. c1 is the question. Of each document: the sentence whose P(entails) or
/// P(contradicts) of the question is largest, where that makes a relation, then its most salient
/// sentences (TF-IDF cosine with the document + with the question), at most claims_per_document.
/// They support or refute c1 by relation_of, and support or contradict one another by the stronger
/// of both directions. A document is SUPPORT or CONTRADICT as its best sentence is; its sentences
/// are those that reach the threshold too, best first. All ties: the earlier sentence.
std::vector<draft> extract_drafts(std::span<question const> questions, text_scorer& scorer,
                                  tfidf_index const& index, proposer_settings const& settings,
                                  compute_hooks const& hooks);

/// Claims that are taken from one text of a model.
inline constexpr std::size_t most_claims_of_a_text = 100;

/// What a model wrote about the question. Claims after the first 100 are left out with their
/// relations, and counted. Claims of an id that was there before, and relations
/// with a claim that is not there or with itself, count as malformed and are left out.
draft draft_of_text(std::string_view text);

/// A draft with its evidence: what the stage writes for one question.
struct proposed {
  std::vector<sno> snos;
  std::vector<claim_relation> relations;
  proposer_output output;
  prediction predicted;
  std::int64_t malformed = 0;
  std::int64_t unknown_documents = 0;  // that claims name and the corpus lacks
  std::int64_t claims_beyond_limit = 0;
  std::int64_t pairs_beyond_limit = 0;
};

/// Evidence of a claim are those sentences of its document (without one: of all retrieved
/// documents) that entail it by relation_of, the most probable ones; the document itself where the
/// corpus lacks it. Validity is 1 - P(neutral). Confidence = (1 + max P(entails) - max
/// P(contradicts)) / 2 over the sentences. Of drafts whose labels follow from the relations, the
/// documents of claims that support what states the question (statements_of) are SUPPORT, of those
/// that refute or contradict it CONTRADICT, the stronger in number wins, ties SUPPORT; all other
/// retrieved documents are NEI.
std::vector<proposed> ground_drafts(std::span<question const> questions, std::vector<draft> drafts,
                                    corpus const& texts, text_scorer& scorer,
                                    proposer_settings const& settings, compute_hooks const& hooks);

/// Relations between claims of different questions that share a document or a sentence of evidence.
/// For each claim the `cross_relations` nearest (TF-IDF) of up to 50 later ones are scored in both
/// directions; the stronger one decides: supports, or contradicts. Throws compute_stopped.
std::vector<claim_relation> cross_relations(std::span<sno const> snos, text_scorer& scorer,
                                            tfidf_index const& index,
                                            proposer_settings const& settings,
                                            compute_hooks const& hooks);

/// The text form of a draft (proposer_text.hpp), which parse_proposal reads back.
std::string text_of(draft const& d);

}  // namespace nsai::stages
