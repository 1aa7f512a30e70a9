#pragma once

#include <istream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "messages/values.hpp"
#include "stages/dataset_paths.hpp"

/// Claim-verification data in the format of SciFact (Wadden et al., "Fact or Fiction: Verifying
/// Scientific Claims", EMNLP 2020). Real files have documents that the corpus lacks, empty
/// evidence, duplicate and broken lines: all of it is counted and told, none of it is an error.
namespace nsai::stages {

// Found by argument-dependent lookup only here; without them an enumeration would be written as its
// number.
using nsai::from_json;
using nsai::to_json;

enum class verdict { support, contradict, nei };

inline std::vector<std::string> const& enum_names(verdict) {
  static std::vector<std::string> const names{"SUPPORT", "CONTRADICT", "NEI"};
  return names;
}

/// A smallest set of sentences (positions in the abstract, from 0) that justifies the label.
struct rationale {
  static constexpr char const* type_name = "rationale";
  std::vector<std::int64_t> sentences;
  verdict label = verdict::nei;
  static constexpr auto fields() {
    return std::tuple{field{"sentences", &rationale::sentences}, field{"label", &rationale::label}};
  }
};

/// Ids of claims and documents are kept as text: files write them as numbers, and as keys of
/// objects.
struct gold_claim {
  static constexpr char const* type_name = "gold_claim";
  std::string id;
  std::string claim;
  std::map<std::string, std::vector<rationale>> evidence;  // by document
  std::vector<std::string> cited_doc_ids;
  static constexpr auto fields() {
    using g = gold_claim;
    return std::tuple{field{"id", &g::id}, field{"claim", &g::claim},
                      field{"evidence", &g::evidence}, field{"cited_doc_ids", &g::cited_doc_ids}};
  }
};

/// Sentences in the order that the model gave them, most important first.
struct predicted_document {
  static constexpr char const* type_name = "predicted_document";
  verdict label = verdict::nei;
  std::vector<std::int64_t> sentences;
  static constexpr auto fields() {
    using p = predicted_document;
    return std::tuple{field{"label", &p::label}, field{"sentences", &p::sentences}};
  }
};

struct prediction {
  static constexpr char const* type_name = "prediction";
  std::string id;  // of the claim
  std::map<std::string, predicted_document> evidence;
  static constexpr auto fields() {
    return std::tuple{field{"id", &prediction::id}, field{"evidence", &prediction::evidence}};
  }
};

/// What a proposer wrote about one claim.
struct proposer_output {
  static constexpr char const* type_name = "proposer_output";
  std::string id;  // of the claim
  std::string output;
  static constexpr auto fields() {
    return std::tuple{field{"id", &proposer_output::id}, field{"output", &proposer_output::output}};
  }
};

/// Where a data set was read from.
struct dataset_source {
  static constexpr char const* type_name = "dataset_source";
  dataset_paths paths;  // absolute
  bool sample = false;  // the built-in one; it has no paths
  static constexpr auto fields() {
    using d = dataset_source;
    return std::tuple{field{"paths", &d::paths}, field{"sample", &d::sample}};
  }
};

/// What `data_load` puts into the context as `inputs.dataset`. Of the corpus only the ids travel;
/// load_corpus (corpus.hpp) reads its texts where they are needed.
struct dataset {
  static constexpr char const* type_name = "dataset";
  std::string name;
  dataset_source source;
  std::vector<gold_claim> claims;
  std::vector<std::string> documents;
  std::vector<prediction> predictions;
  std::vector<proposer_output> outputs;
  std::map<std::string, std::int64_t> counts;  // of what was read, and of every oddity
  std::vector<std::string> notes;              // the first oddities, each with file and line
  static constexpr auto fields() {
    using d = dataset;
    return std::tuple{field{"name", &d::name},
                      field{"source", &d::source},
                      field{"claims", &d::claims},
                      field{"documents", &d::documents},
                      field{"predictions", &d::predictions},
                      field{"outputs", &d::outputs},
                      field{"counts", &d::counts},
                      field{"notes", &d::notes}};
  }
};

/// Reads the parts of one data set, each at most once and claims first, then `finish`. `name`
/// stands in the notes. Lines that are longer than 16 MiB or nest too deep count as broken too.
class dataset_reader {
 public:
  /// `limit`: only the first so many claims and what belongs to them; 0: all.
  dataset_reader(std::string name, std::int64_t limit);

  void claims(std::istream& in, std::string const& name);
  void corpus(std::istream& in, std::string const& name);
  void predictions(std::istream& in, std::string const& name);
  void outputs(std::istream& in, std::string const& name);
  /// Cross-checks the parts and gives the data set away.
  dataset finish();

 private:
  template <class Take>
  void each_line(std::istream& in, std::string const& name, Take const& take);
  void note(std::string text);
  void note_duplicate(std::string text);
  bool belongs_to_a_claim(std::string const& id, std::string const& at);

  dataset data_;
  std::int64_t limit_;
  std::set<std::string> claim_ids_;       // that are kept
  std::set<std::string> skipped_claims_;  // beyond the limit
  bool have_claims_ = false;
  bool have_corpus_ = false;
};

/// SUPPORT, CONTRADICT and NEI with the spellings that models use (SUPPORTS, REFUTE, REFUTES,
/// NOT_ENOUGH_INFO, NOT ENOUGH INFO), ignoring case. Throws shape_error.
verdict verdict_of(json const& value);

/// An id as text: an integer or a text that is not empty. Throws shape_error.
std::string id_of(json const& value);

}  // namespace nsai::stages
