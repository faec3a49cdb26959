package io.pilus.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.Map;
import java.util.Optional;

/**
 * What a service or an agent answered.
 *
 * @param request the request, for messages
 * @param headers with names in lower case
 */
public record Answer(String request, int status, Map<String, String> headers, String body) {

    private static final ObjectMapper JSON = new ObjectMapper();

    public boolean succeeded() {
        return status >= 200 && status < 300;
    }

    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name));
    }

    /** The body; missing when there is none. */
    public JsonNode json() {
        try {
            return body.isBlank() ? MissingNode.getInstance() : JSON.readTree(body);
        } catch (JsonProcessingException e) {
            throw new LabException(request + " answered " + status + " with what is no JSON: " + body, e);
        }
    }

    /**
     * This answer.
     *
     * @throws RestException when it says that something went wrong
     */
    public Answer orThrow() {
        if (!succeeded()) {
            throw new RestException(this);
        }
        return this;
    }
}
