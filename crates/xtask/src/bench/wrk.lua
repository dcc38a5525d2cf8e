-- Sends the requests of a file in turn, from a place of its own choice; prints what came of them as one line of JSON.
--
--   wrk ... -s wrk.lua URL -- FILE NUMBER
--
-- A line of the file is a request: method, path, token, If-None-Match and body, parted by tabs; `-` stands for none.
-- Where a body has MARK, each request puts another number in its place, counting from NUMBER.

local MARK = "{...number..}"
local requests, count, at, number = {}, 0, 0, 0

local function whole(line)
  local method, path, token, tag, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
  local headers = {}
  if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
  if tag ~= "-" then headers["If-None-Match"] = tag end
  if body == "-" then return wrk.format(method, path, headers) end
  headers["Content-Type"] = "application/json"
  return wrk.format(method, path, headers, body)
end

function init(arguments)
  number = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do
    local text = whole(line)
    local from, to = text:find(MARK, 1, true)
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
  return request[1] .. string.format("%0" .. #MARK .. "d", number) .. request[2]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"microseconds":%d,"bytes":%d,"refused":%d,"broken":%d,"late":%d,"failed":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read + errors.write, errors.timeout,
    errors.status, latency:percentile(50), latency:percentile(99)))
end
