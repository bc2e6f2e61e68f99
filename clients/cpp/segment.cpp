// Streams pictures or raw frames to a daemon, and prints the classes found: see --help.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "arguments.h"
#include "frames.h"
#include "masks.h"
#include "shared_memory.h"
#include "stream.h"

namespace pb = edgeseg::v1;

namespace {

enum Exit { DONE = 0, FRAME_FAILED = 1, USAGE = 2, NO_ANSWER = 3 };

constexpr std::uint64_t SLOTS = 4;

// The names of gRPC's statuses, by their numbers.
constexpr const char* STATUSES[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

// A call that ended with a status other than OK.
struct CallFailed : std::runtime_error {
  explicit CallFailed(const grpc::Status& status)
      : std::runtime_error(STATUSES[status.error_code()] + (": " + status.error_message())),
        code(status.error_code()) {}
  grpc::StatusCode code;
};

std::string read_file(const std::string& path) {
  std::ifstream file = open_file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<pb::SegmentationService::Stub> connect(const Arguments& given) {
  auto credentials = grpc::InsecureChannelCredentials();
  if (!given.ca.empty()) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = read_file(given.ca);
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  // gRPC's default is 4 MiB; the labels of a large frame have more bytes.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return pb::SegmentationService::NewStub(
      grpc::CreateCustomChannel(given.server, credentials, arguments));
}

void prepare(grpc::ClientContext& context, const Arguments& given) {
  if (given.timeout > 0) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(
                             std::chrono::duration<double>(given.timeout)));
  }
  if (!given.token.empty()) context.AddMetadata("authorization", "Bearer " + given.token);
}

pb::GetServerInfoResponse get_info(pb::SegmentationService::Stub& stub, const Arguments& given) {
  grpc::ClientContext context;
  prepare(context, given);
  pb::GetServerInfoResponse info;
  const grpc::Status status = stub.GetServerInfo(&context, {}, &info);
  if (!status.ok()) throw CallFailed(status);
  return info;
}

// Asks for the classes that are named, by their ids; a model may have several of one name.
void ask_for_classes(pb::SegmentationOptions& options, const Arguments& given,
                     const pb::GetServerInfoResponse& info) {
  const auto& models = info.models();
  const auto model = std::find_if(models.begin(), models.end(), [&](const pb::Model& each) {
    return options.model().empty() || each.name() == options.model();
  });
  if (model == models.end()) throw UsageError("there is no model " + options.model());
  for (const std::string& name : given.classes) {
    const int before = options.classes_size();
    for (const pb::ClassInfo& each : model->classes()) {
      if (each.name() == name) options.add_classes(each.id());
    }
    if (options.classes_size() == before) throw UsageError("there is no class " + name);
  }
}

// The names of classes, which a stream sends once for each version of the model.
class ClassNames {
 public:
  // Call it with each result.
  void learn(const pb::Segmentation& found) {
    for (const pb::ClassInfo& each : found.classes()) {
      versions_[found.model_version()][each.id()] = each.name();
    }
  }

  // The name of a class of the version that made `found`.
  std::string of(const pb::Segmentation& found, unsigned id) const {
    const auto version = versions_.find(found.model_version());
    if (version == versions_.end()) return "class " + std::to_string(id);
    const auto name = version->second.find(id);
    return name != version->second.end() ? name->second : "class " + std::to_string(id);
  }

 private:
  std::map<std::string, std::map<unsigned, std::string>> versions_;
};

// The name without its prefix; the number of one that this contract does not have.
std::string name_of(pb::FrameStatus status) {
  const std::string& name = pb::FrameStatus_Name(status);
  return name.empty() ? std::to_string(status) : name.substr(std::strlen("FRAME_STATUS_"));
}

// Prints an answer and writes its mask; false if the frame failed.
bool show(const pb::SegmentResponse& answer, const Arguments& given,
          ClassNames& names) {
  std::cout << answer.frame_id() << ' ' << name_of(answer.status()) << ' ';
  if (answer.status() != pb::FRAME_STATUS_OK) {
    std::cout << answer.message() << std::endl;
    return answer.status() == pb::FRAME_STATUS_SUPERSEDED ||
           answer.status() == pb::FRAME_STATUS_EXPIRED;
  }
  const char* comma = "";
  names.learn(answer.segmentation());
  for (const auto& [id, share] : count_shares(answer.segmentation())) {
    char percent[16];
    std::snprintf(percent, sizeof percent, " %.2f %%", share * 100);
    std::cout << comma << names.of(answer.segmentation(), id) << percent;
    comma = ", ";
  }
  std::cout << std::endl;
  if (!given.out.empty()) {
    write_pgm(given.out + "/" + std::to_string(answer.frame_id()) + ".pgm", answer.segmentation());
  }
  return true;
}

Exit run(Arguments given) {
  if (!given.out.empty()) std::filesystem::create_directories(given.out);
  const auto stub = connect(given);
  pb::GetServerInfoResponse info;
  if (given.shared_memory || !given.classes.empty()) info = get_info(*stub, given);
  if (!given.classes.empty()) {
    ask_for_classes(*given.options.mutable_segmentation(), given, info);
  }

  std::optional<Region> region;
  if (given.shared_memory) {
    // Room for the largest frame that comes; nothing of the board is taken for those that cannot.
    std::uint64_t largest = 1;
    for (const std::string& path : given.files) {
      std::ifstream file = open_file(path);
      largest = std::max(largest, length_of(file));
    }
    region.emplace(info.shared_memory_socket(), SLOTS, largest);
  }
  ClassNames names;
  Frames frames(given, region ? &*region : nullptr);
  bool failed = false;
  grpc::ClientContext context;
  prepare(context, given);
  const grpc::Status status = segment_stream(
      *stub, context, given.options, [&](pb::Frame& frame) { return frames.next(frame); },
      [&](const pb::SegmentResponse& answer) {
        if (region) region->release(answer.frame_id());
        failed = !show(answer, given, names) || failed;
      },
      [&] { frames.end(); });
  if (!status.ok()) throw CallFailed(status);
  return failed ? FRAME_FAILED : DONE;
}

// Whether another request is needed, or the same may be sent again.
bool refused(grpc::StatusCode code) {
  return code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::NOT_FOUND ||
         code == grpc::StatusCode::UNIMPLEMENTED || code == grpc::StatusCode::UNAUTHENTICATED ||
         code == grpc::StatusCode::PERMISSION_DENIED;
}

}  // namespace

int main(int count, char** words) {
  try {
    const Arguments given = read_arguments(count, words);
    if (given.help) {
      std::cout << HELP;
      return DONE;
    }
    return run(given);
  } catch (const CallFailed& error) {
    std::cerr << "edgeseg-segment: " << error.what() << std::endl;
    return refused(error.code) ? USAGE : NO_ANSWER;
  } catch (const std::exception& error) {
    std::cerr << "edgeseg-segment: " << error.what() << std::endl;
    return USAGE;
  }
}
