-- Sends the requests of a file in turn. Prints one line: RESULT REQUESTS PER-SECOND FAILED P50-MS P99-MS
--
--   wrk ... -s wrk.lua URL -- FILE NUMBER
--
-- A line of the file has method, path, Authorization, If-None-Match and body, separated by tabs; `-` means that the
-- value is absent. In each body, a different number replaces PLACEHOLDER, counting from NUMBER.

local PLACEHOLDER = "{...number..}"
local requests, count, at, number = {}, 0, 0, 0

local function format(line)
  local method, path, authorization, tag, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
  local headers = {}
  if authorization ~= "-" then headers["Authorization"] = authorization end
  if tag ~= "-" then headers["If-None-Match"] = tag end
  if body == "-" then return wrk.format(method, path, headers) end
  headers["Content-Type"] = "application/json"
  return wrk.format(method, path, headers, body)
end

function init(arguments)
  number = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do
    local text = format(line)
    local from, to = text:find(PLACEHOLDER, 1, true)
    count = count + 1
    requests[count] = from and { text:sub(1, from - 1), text:sub(to + 1) } or text
  end
  at = number % count
end

function request()
  at = at % count + 1
  local request = requests[at]
  if type(request) == "string" then return request end
  number = number + 1
  return request[1] .. string.format("%0" .. #PLACEHOLDER .. "d", number) .. request[2]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format("\nRESULT %d %f %d %f %f\n", summary.requests, summary.requests / summary.duration * 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
