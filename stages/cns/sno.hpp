#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/values.hpp"
#include "stages/scifact.hpp"
#include "stages/stage.hpp"

/// What proposer, antagonist and synthesizer hand on through the context: structured narrative
/// objects (claims with evidence), relations between them, flags and syntheses.
namespace nsai::stages {

/// A number from 0 to 1; reading anything else is a shape_error.
struct share {
  double value = 0;

  share() = default;
  share(double v) : value(v) {}  // NOLINT: it stands for the number
  operator double() const { return value; }
};
void to_json(json& j, share const& x);
void from_json(json const& j, share& x);

struct sno_evidence {
  static constexpr char const* type_name = "sno_evidence";
  std::string source;   // "4983:2": document and sentence (from 0), or a document alone
  std::string content;  // the sentence; empty: not known
  share validity;       // how decided a scorer is that it bears on the claim: 1 - P(neutral)
  static constexpr auto fields() {
    using e = sno_evidence;
    return std::tuple{field{"source", &e::source}, field{"content", &e::content},
                      field{"validity", &e::validity}};
  }
};

struct sno_provenance {
  static constexpr char const* type_name = "sno_provenance";
  std::vector<std::string> parents;  // ids of the SNOs it was made of
  static constexpr auto fields() { return std::tuple{field{"parents", &sno_provenance::parents}}; }
};

/// A structured narrative object.
struct sno {
  static constexpr char const* type_name = "sno";
  std::string id;        // "<claim of the data set>.c1"; unique in a data set
  std::string question;  // the claim of the data set that it was proposed for
  std::string claim;
  std::string document;  // that it was taken from; empty: none
  std::vector<sno_evidence> evidence;
  share confidence;
  sno_provenance provenance;
  static constexpr auto fields() {
    using s = sno;
    return std::tuple{field{"id", &s::id},
                      field{"question", &s::question},
                      field{"claim", &s::claim},
                      field{"document", &s::document},
                      field{"evidence", &s::evidence},
                      field{"confidence", &s::confidence},
                      field{"provenance", &s::provenance}};
  }
};

enum class relation_kind { supports, refutes, contradicts };  // contradicts has no direction
inline std::vector<std::string> const& enum_names(relation_kind) {
  static std::vector<std::string> const names{"supports", "refutes", "contradicts"};
  return names;
}

struct claim_relation {
  static constexpr char const* type_name = "claim_relation";
  std::string from;  // ids of SNOs
  relation_kind kind = relation_kind::supports;
  std::string to;
  static constexpr auto fields() {
    using r = claim_relation;
    return std::tuple{field{"from", &r::from}, field{"kind", &r::kind}, field{"to", &r::to}};
  }
};

enum class flag_kind {
  contradiction,
  polarity_conflict,
  cycle,
  no_evidence,
  weak_evidence,
  single_source,
  uncited
};
inline std::vector<std::string> const& enum_names(flag_kind) {
  static std::vector<std::string> const names{"contradiction", "polarity_conflict", "cycle",
                                              "no_evidence",   "weak_evidence",     "single_source",
                                              "uncited"};
  return names;
}

enum class flag_severity { high, medium, low };
inline std::vector<std::string> const& enum_names(flag_severity) {
  static std::vector<std::string> const names{"high", "medium", "low"};
  return names;
}

struct claim_flag {
  static constexpr char const* type_name = "claim_flag";
  std::string id;  // "f1", by position
  flag_kind kind = flag_kind::contradiction;
  flag_severity severity = flag_severity::low;
  std::vector<std::string> claims;  // ids of SNOs
  std::string reason;
  share score;                     // how sure; of a contradiction its probability
  std::optional<share> chirality;  // of a contradicting pair
  static constexpr auto fields() {
    using f = claim_flag;
    return std::tuple{field{"id", &f::id},
                      field{"kind", &f::kind},
                      field{"severity", &f::severity},
                      field{"claims", &f::claims},
                      field{"reason", &f::reason},
                      field{"score", &f::score},
                      field{"chirality", &f::chirality}};
  }
};

/// Scores of the four critics (critics.hpp).
struct critic_scores {
  static constexpr char const* type_name = "critic_scores";
  share grounding;
  share logic;
  share novelty;
  share bias;
  static constexpr auto fields() {
    using c = critic_scores;
    return std::tuple{field{"grounding", &c::grounding}, field{"logic", &c::logic},
                      field{"novelty", &c::novelty}, field{"bias", &c::bias}};
  }
};

enum class synthesis_status { auto_accepted, needs_review, failed };
inline std::vector<std::string> const& enum_names(synthesis_status) {
  static std::vector<std::string> const names{"auto_accepted", "needs_review", "failed"};
  return names;
}

struct synthesis {
  static constexpr char const* type_name = "synthesis";
  std::string id;  // "s1", by position
  std::string claim;
  std::vector<std::string> parents;  // ids of the SNOs that were merged
  std::vector<sno_evidence> evidence;
  std::int64_t beta1_before = 0;  // of the cluster
  std::int64_t beta1_after = 0;
  share trust;
  critic_scores critics;
  std::int64_t iterations = 0;
  synthesis_status status = synthesis_status::failed;
  std::string reason;  // why it was not accepted; empty: it was
  static constexpr auto fields() {
    using s = synthesis;
    return std::tuple{field{"id", &s::id},
                      field{"claim", &s::claim},
                      field{"parents", &s::parents},
                      field{"evidence", &s::evidence},
                      field{"beta1_before", &s::beta1_before},
                      field{"beta1_after", &s::beta1_after},
                      field{"trust", &s::trust},
                      field{"critics", &s::critics},
                      field{"iterations", &s::iterations},
                      field{"status", &s::status},
                      field{"reason", &s::reason}};
  }
};

/// The SNOs and relations that a stage works on.
struct narrative {
  std::vector<sno> snos;
  std::vector<claim_relation> relations;
};

/// `outputs.<name>` read into `to`; false: it is not there. Throws shape_error.
template <class T>
bool read_output(context const& ctx, char const* name, T& to) {
  auto const found = ctx.outputs.find(name);
  if (found == ctx.outputs.end())
    return false;
  try {
    read_json(*found, to);
  } catch (shape_error const& e) {
    throw e.inside(std::string{"outputs."} + name);
  }
  return true;
}

/// SNOs and relations of `outputs`, or else of the proposer's texts in `data.outputs`: then the ids
/// are "<claim>.<id in the text>", and a claim's evidence is its document, of unknown content and
/// validity 0. Nothing when there are neither.
std::optional<narrative> narrative_of(context const& ctx, dataset const& data);

/// The same of one text (scifact.hpp, proposer_text.hpp). Claims whose id was there before are left
/// out.
narrative narrative_of_text(std::string const& question, std::string const& text);

/// By question: the position of the SNO that states it, which is the one whose text is the claim of
/// the data set, else the first of the question.
std::map<std::string, std::size_t> statements_of(std::vector<sno> const& snos,
                                                 std::vector<gold_claim> const& claims);

/// "4983" of "4983:2", and of "4983": what stands before a last colon with a number after it.
std::string document_of(std::string const& source);

}  // namespace nsai::stages
