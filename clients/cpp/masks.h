// Masks of a `Segmentation`: one byte a pixel, row by row, the id of its class.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "edgeseg/v1/segmentation.pb.h"

// Each class id that is there and its share of all pixels, the largest first. 255, "no class", is
// left out. Throws std::runtime_error if the labels do not fill the mask.
std::vector<std::pair<unsigned, double>> count_shares(const edgeseg::v1::Segmentation& found);

// Writes the mask as a binary PGM; throws std::runtime_error.
void write_pgm(const std::string& path, const edgeseg::v1::Segmentation& found);
