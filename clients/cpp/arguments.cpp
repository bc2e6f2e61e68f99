#include "arguments.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>

namespace pb = edgeseg::v1;

const char* const HELP = R"(Usage: edgeseg-segment [options] FILE...

Sends pictures (JPEG, PNG, WebP, BMP) or raw frames to a daemon of edgeseg as a stream, and prints
a line for each frame: its id, its status, and the classes found with their share of all pixels.

  --server ADDRESS   HOST:PORT or unix:///PATH (EDGESEG_SERVER; default 127.0.0.1:8460)
  --model NAME       the model; default: the daemon's first
  --policy POLICY    every (default): no frame is dropped, answers come in the order of the frames.
                     latest: for cameras; a newer frame supersedes one that waits
  --size SIZE        size of the mask: model (default), frame, or WIDTHxHEIGHT
  --classes NAMES    only these, such as: person,car
  --out FOLDER       write each mask as FOLDER/ID.pgm: a byte a pixel, the id of its class
  --raw WxH:FORMAT   the files hold raw frames, such as 640x480:rgb or 1920x1080:nv12
  --shared-memory    read the files into memory that the daemon shares with this program. The
                     daemon must be on this board, and listen on unix:///PATH (too)
  --fps N            send so many frames a second (default: as fast as the daemon takes them)
  --loop N           send the files so many times (default 1)
  --first-id N       id of the first frame (default 0)
  --max-age MS       a frame that is older is not segmented
  --timeout SECONDS  the deadline of the call (default none)
  --ca FILE          use TLS, with this authority's certificate (PEM)
  --token TOKEN      send it with each call (EDGESEG_TOKEN)

Exit status: 0 done, 1 a frame failed, 2 wrong usage or the daemon refuses the request, 3 no answer.
)";

namespace {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char each) { return std::toupper(each); });
  return text;
}

std::uint64_t read_whole(const std::string& name, const std::string& text,
                         std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
  try {
    std::size_t end = 0;
    const std::uint64_t value = std::stoull(text, &end);
    if (end == text.size() && std::isdigit(static_cast<unsigned char>(text[0])) && value <= limit) {
      return value;
    }
  } catch (const std::logic_error&) {  // no number, or one of more than 64 bits
  }
  throw UsageError(name + " is a whole number, at most " + std::to_string(limit) + ", not " + text);
}

double read_positive(const std::string& name, const std::string& text) {
  try {
    std::size_t end = 0;
    const double value = std::stod(text, &end);
    if (end == text.size() && value > 0) return value;
  } catch (const std::logic_error&) {
  }
  throw UsageError(name + " is a number above 0, not " + text);
}

// Width and height of "640x480"; false if it is something else.
bool read_pixels(const std::string& text, std::uint32_t* width, std::uint32_t* height) {
  const auto mark = text.find('x');
  if (mark == std::string::npos) return false;
  try {
    constexpr std::uint64_t limit = std::numeric_limits<std::uint32_t>::max();
    *width = read_whole("the width", text.substr(0, mark), limit);
    *height = read_whole("the height", text.substr(mark + 1), limit);
  } catch (const UsageError&) {
    return false;
  }
  return true;
}

pb::OutputSize read_size(const std::string& text) {
  pb::OutputSize size;
  std::uint32_t width = 0, height = 0;
  if (text == "model") {
    size.set_mode(pb::OUTPUT_SIZE_MODE_MODEL);
  } else if (text == "frame") {
    size.set_mode(pb::OUTPUT_SIZE_MODE_FRAME);
  } else if (read_pixels(text, &width, &height)) {
    size.set_mode(pb::OUTPUT_SIZE_MODE_CUSTOM);
    size.set_width(width);
    size.set_height(height);
  } else {
    throw UsageError("--size is model, frame or WIDTHxHEIGHT, not " + text);
  }
  return size;
}

pb::Frame read_raw(const std::string& text) {
  pb::Frame frame;
  pb::FrameFormat format;
  std::uint32_t width = 0, height = 0;
  const auto mark = text.find(':');
  if (mark == std::string::npos || !read_pixels(text.substr(0, mark), &width, &height) ||
      !pb::FrameFormat_Parse("FRAME_FORMAT_" + upper(text.substr(mark + 1)), &format)) {
    throw UsageError("--raw is WIDTHxHEIGHT:FORMAT, such as 640x480:rgb, not " + text);
  }
  frame.set_format(format);
  frame.set_width(width);
  frame.set_height(height);
  return frame;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char each : text) {
    if (each == ',') {
      parts.emplace_back();
    } else {
      parts.back() += each;
    }
  }
  return parts;
}

}  // namespace

Arguments read_arguments(int count, char** words) {
  Arguments given;
  given.server = from_environment("EDGESEG_SERVER", "127.0.0.1:8460");
  given.token = from_environment("EDGESEG_TOKEN", "");
  given.options.set_policy(pb::QUEUE_POLICY_EVERY);
  auto& segmentation = *given.options.mutable_segmentation();
  segmentation.add_outputs(pb::OUTPUT_LABELS);

  using Text = const std::string&;
  const std::map<std::string, std::function<void(Text)>> options = {
      {"--server", [&](Text text) { given.server = text; }},
      {"--model", [&](Text text) { segmentation.set_model(text); }},
      {"--policy",
       [&](Text text) {
         pb::QueuePolicy policy;
         if (!pb::QueuePolicy_Parse("QUEUE_POLICY_" + upper(text), &policy)) {
           throw UsageError("--policy is every or latest, not " + text);
         }
         given.options.set_policy(policy);
       }},
      {"--size", [&](Text text) { *segmentation.mutable_size() = read_size(text); }},
      {"--classes", [&](Text text) { given.classes = split(text); }},
      {"--out", [&](Text text) { given.out = text; }},
      {"--raw", [&](Text text) { given.raw = read_raw(text); }},
      {"--fps", [&](Text text) { given.fps = read_positive("--fps", text); }},
      {"--loop", [&](Text text) { given.loop = read_whole("--loop", text); }},
      {"--first-id", [&](Text text) { given.first_id = read_whole("--first-id", text); }},
      {"--max-age",
       [&](Text text) {
         segmentation.set_max_age_ms(
             read_whole("--max-age", text, std::numeric_limits<std::uint32_t>::max()));
       }},
      {"--timeout", [&](Text text) { given.timeout = read_positive("--timeout", text); }},
      {"--ca", [&](Text text) { given.ca = text; }},
      {"--token", [&](Text text) { given.token = text; }},
  };
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    if (word == "--help" || word == "-h") {
      given.help = true;
      return given;
    }
    if (word == "--shared-memory") {
      given.shared_memory = true;
    } else if (const auto option = options.find(word); option != options.end()) {
      if (++at == count) throw UsageError(word + " needs a value; see --help");
      option->second(words[at]);
    } else if (word.rfind("--", 0) == 0) {
      throw UsageError("there is no option " + word + "; see --help");
    } else {
      given.files.push_back(word);
    }
  }
  if (given.files.empty()) throw UsageError("name at least one file; see --help");
  return given;
}
