#include "stages/cns/stage_parts.hpp"

#include "stages/option_list.hpp"

namespace nsai::stages {

outcome nothing_proposed() {
  return outcome::failure(
      "no_snos",
      "outputs.snos: nothing is there, nor has the data set outputs; expected a "
      "proposer stage before this one",
      false);
}

option_description share_option(std::string name, double usual, std::string help) {
  return between(option(std::move(name), "number", usual, std::move(help)), 0, 1);
}

option_description count_option(std::string name, std::int64_t usual, std::int64_t least,
                                std::int64_t most, std::string help) {
  return between(option(std::move(name), "integer", usual, std::move(help)), least, most);
}

double share_of(json const& options, char const* name) {
  return options.at(name).get<double>();
}

std::size_t count_of(json const& options, char const* name) {
  return options.at(name).get<std::size_t>();
}

tfidf_index claims_index(std::vector<sno> const& snos) {
  std::vector<std::string_view> texts;
  texts.reserve(snos.size());
  for (auto const& each : snos)
    texts.emplace_back(each.claim);
  return tfidf_index{texts};
}

}  // namespace nsai::stages
