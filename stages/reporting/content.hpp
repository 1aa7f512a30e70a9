#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "stages/stage.hpp"

namespace nsai::stages {

/// What a report says, before it is Markdown or HTML. No text in it is escaped.
struct report_content {
  struct table {
    std::vector<std::string> head;
    std::vector<std::vector<std::string>> rows;  // each as long as the head
  };
  struct figure {
    std::string file;  // "scores.svg", beside the report
    std::string title;
    std::string svg;
  };
  struct list {
    std::vector<std::string> items;
  };
  using block = std::variant<std::string, table, figure, list>;  // a string: a paragraph
  struct section {
    std::string heading;
    std::vector<block> blocks;
  };

  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  // name and value, below the title
  std::vector<section> sections;

  std::vector<figure> figures() const;
};

/// Sections for `metrics.proposer`, `training`, `evaluation`, `antagonist` and `synthesizer`, a
/// table for every other metric, the notes, the stages that were completed and the artifacts. What
/// is null is shown as "–", with its note. Metrics of an unknown shape are shown as they are:
/// nothing in them is an error.
report_content content_of(context const& ctx, std::string const& title);

// Parts that the sections are made of; metric_sections.cpp has the sections.
using report_section = report_content::section;
report_section proposer_section(json const& metrics);
report_section training_section(json const& metrics);
report_section evaluation_section(json const& metrics);
report_section antagonist_section(json const& metrics);
report_section synthesizer_section(json const& metrics);

/// A member, or null when there is none or `object` is no object.
json const& part_of(json const& object, std::string const& name);

/// Numbers with four digits after the point, whole ones as they are, null as "–", [low, high] of
/// two numbers as "low to high".
std::string shown(json const& value);

/// Every value of a nested object as a row: path and value. Long arrays are told by their length.
report_content::table flat_table(json const& object, std::vector<std::string> const& without = {});

/// The texts of an object of notes ("name: note") or of an array.
report_content::list notes_in(json const& notes);

}  // namespace nsai::stages
