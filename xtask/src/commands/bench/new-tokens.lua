-- Sends the tokens of a file, one a line, in turn: wrk ... -- FILE
-- The requests are made before the run, so that it is not the load generator which is slow.
local requests, turn = {}, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    local headers = { authorization = "Bearer " .. token }
    requests[#requests + 1] = wrk.format("GET", "/", headers)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
