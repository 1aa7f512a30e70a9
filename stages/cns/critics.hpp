#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/cns/sno.hpp"
#include "stages/text/tfidf.hpp"

/// Four critics of a claim. Every score and sub-score is in [0, 1], 1 being good, and depends on
/// its arguments only. "Words" are those of words_of; "content words" those of content_words.
namespace nsai::stages {

/// What the critics are told about a claim beside its text.
struct critique {
  std::string claim;
  std::vector<sno_evidence> evidence;
  std::vector<std::string_view> others;  // parents and neighbours, for originality
  double entailment = 0;            // P(all evidence together entails the claim); 0 without any
  std::int64_t cycles = 0;          // directed cycles that the claim lies on
  std::int64_t contradictions = 0;  // contradictory pairs and polarity conflicts with the claim
  std::int64_t supporting = 0;      // claims and evidence on the claim's side
  std::int64_t opposing = 0;        // claims and evidence against it
};

// --- grounding = 0.30 coverage + 0.30 validity + 0.25 overlap + 0.15 distinct sources ---

struct grounding_parts {
  double coverage = 0;  // evidence: none 0, one 0.5, 2 to 10 1, more 0.8
  double validity = 0;  // mean over the evidence; 0 without any
  double overlap = 0;   // mean Jaccard of the content words of claim and evidence; 0 without any
  double sources = 0;   // distinct documents / sentences of evidence; 0 without any
  double score() const {
    return 0.30 * coverage + 0.30 * validity + 0.25 * overlap + 0.15 * sources;
  }
};
grounding_parts grounding_of(critique const& c);

// --- logic = 0.3 no cycles + 0.3 no contradictions + 0.2 entailment + 0.2 argument structure ---

struct logic_parts {
  double no_cycles = 0;          // 1 / (1 + cycles)
  double no_contradictions = 0;  // 1 / (1 + contradictions)
  double entailment = 0;         // as told
  /// 0.5 where there is evidence or a supporting claim, 0.25 where the text is a sentence (4 words
  /// or more), 0.25 where it says how its parts hang together (because, although, unless, when ...)
  double structure = 0;
  double score() const {
    return 0.3 * no_cycles + 0.3 * no_contradictions + 0.2 * entailment + 0.2 * structure;
  }
};
logic_parts logic_of(critique const& c);

// --- novelty = 0.35 originality + 0.25 density + 0.20 parsimony + 0.20 non-triviality ---

struct novelty_parts {
  double originality = 0;     // 1 - the largest TF-IDF cosine with one of `others`; 0 without words
  double density = 0;         // min(1, 2 * distinct content words / words); 0 without words
  double parsimony = 0;       // min(1, 25 / words); 0 without words
  double non_triviality = 0;  // min(1, distinct content words / 5)
  double score() const {
    return 0.35 * originality + 0.25 * density + 0.20 * parsimony + 0.20 * non_triviality;
  }
};
novelty_parts novelty_of(critique const& c, tfidf_index const& index);

// --- bias = 0.25 loaded + 0.25 framing + 0.20 absolutist + 0.15 sources + 0.15 perspectives ---

struct bias_parts {
  double loaded = 0;        // max(0, 1 - 10 * loaded words / words); 1 without words
  double framing = 0;       // 1 - |praising - blaming words| / (both + 1)
  double absolutist = 0;    // max(0, 1 - 10 * words like always, never, all, proves / words)
  double sources = 0;       // distinct documents of the evidence / 2, at most 1
  double perspectives = 0;  // 0.5 + 0.5 * min / max of supporting and opposing; both 0: 0
  double score() const {
    return 0.25 * loaded + 0.25 * framing + 0.20 * absolutist + 0.15 * sources +
           0.15 * perspectives;
  }
};
bias_parts bias_of(critique const& c);

/// All four.
critic_scores criticise(critique const& c, tfidf_index const& index);

/// 0.4 grounding + 0.3 logic + 0.2 novelty + 0.1 bias.
double trust_of(critic_scores const& scores);

}  // namespace nsai::stages
