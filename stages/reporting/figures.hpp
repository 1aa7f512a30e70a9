#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/field_list.hpp"

namespace nsai::stages {

/// Horizontal bars in groups: one bar for each series in every group, with its value beside it and,
/// where there is one, its interval as a whisker. Values are at least 0; an absent one has no bar
/// but a "–".
struct bar_chart {
  struct bar {
    std::optional<double> value;
    std::optional<std::pair<double, double>> interval;
  };
  struct group {
    std::string name;
    std::vector<bar> bars;  // one for each of the series
  };
  std::string title;
  std::vector<std::string> series;  // up to six; one: no legend
  std::vector<group> groups;
  double full = 0;     // the axis' end; 0: by the values
  bool whole = false;  // values are counts
};

/// Lines over 1, 2, 3, ...; a value that is not finite leaves a gap.
struct line_chart {
  struct line {
    std::string name;
    std::vector<double> values;
  };
  std::string title;
  std::string x_name;
  std::vector<line> lines;  // up to six
};

/// One SVG element in its own right: no script, nothing from elsewhere, all text escaped; colours
/// follow the reader's dark or light scheme.
std::string svg_of(bar_chart const& chart);
std::string svg_of(line_chart const& chart);

/// `metrics.training.loss_curve` as lines.
std::string loss_figure(json const& loss_curve);

/// Bars of precision, recall and F1 for each of the four label scores (`metrics.proposer.labels`).
std::string label_figure(json const& labels);

/// Steps of 1, 2 or 5 times a power of ten, from 0 to the first that is not below `most` > 0; at
/// most `count` + 1 of them.
std::vector<double> axis_ticks(double most, int count);

}  // namespace nsai::stages
