package io.pilus.rest;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.INTERNAL_SERVER_ERROR;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DatabindException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdUnavailableException;
import io.quarkus.logging.Log;
import io.vertx.ext.web.RoutingContext;
import jakarta.validation.ConstraintViolationException;
import jakarta.ws.rs.NotAllowedException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response.StatusType;
import jakarta.ws.rs.core.UriInfo;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Turns exceptions into problem documents. Nothing but a {@link ProblemException} may say more than is written here. */
class ProblemMappers {

    static final String MEDIA_TYPE = "application/problem+json";

    /** What a problem document says of one thing, in characters. */
    private static final int LONGEST_TEXT = 2000;

    /** How many of the errors in a request it names. */
    private static final int MOST_ERRORS = 100;

    private static final Set<String> READING = Set.of("GET", "HEAD", "OPTIONS");

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> ours(ProblemException e, UriInfo uri) {
        return problem(e.type(), e.status(), e.detail(), uri, e.members()).build();
    }

    /** NotFoundException is named as Quarkus has a mapper of its own for it in tests. */
    @ServerExceptionMapper({WebApplicationException.class, NotFoundException.class})
    RestResponse<Map<String, Object>> ofTheFramework(
            WebApplicationException e, UriInfo uri, ContainerRequestContext request) {
        for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof ProblemException problem) {
                return ours(problem, uri);
            }
            if (cause instanceof JsonProcessingException json) {
                return json(json, uri);
            }
        }
        StatusType status = e.getResponse().getStatusInfo();
        String detail = switch (e) {
            case NotFoundException _ -> "nothing is at %s; /q/openapi lists what there is".formatted(uri.getPath());
            case NotAllowedException _ -> "%s is not possible at %s".formatted(request.getMethod(), uri.getPath());
            default -> status.getReasonPhrase();
        };
        var answer = problem("about:blank", status, detail, uri, Map.of());
        Object allow = e.getResponse().getHeaders().getFirst(HttpHeaders.ALLOW);
        return allow == null
                ? answer.build()
                : answer.header(HttpHeaders.ALLOW, allow).build();
    }

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> invalid(ConstraintViolationException e, UriInfo uri) {
        List<Map<String, String>> errors = e.getConstraintViolations().stream()
                .map(Violations::describe)
                .sorted(Comparator.comparing(Object::toString))
                .toList();
        String detail = errors.stream()
                .map(error ->
                        error.values().stream().filter(part -> !part.isEmpty()).collect(Collectors.joining(": ")))
                .collect(Collectors.joining("; "));
        return problem(type("invalid"), BAD_REQUEST, detail, uri, Map.of("errors", errors))
                .build();
    }

    /** Named as Quarkus has a mapper of its own for it in tests. */
    @ServerExceptionMapper
    RestResponse<Map<String, Object>> mismatch(MismatchedInputException e, UriInfo uri) {
        return json(e, uri);
    }

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> json(JsonProcessingException e, UriInfo uri) {
        String pointer = e instanceof JsonMappingException mapping
                ? mapping.getPath().stream().map(ProblemMappers::step).collect(Collectors.joining())
                : "";
        JsonLocation location = e.getLocation();
        String where =
                location == null ? "" : "line %d, column %d: ".formatted(location.getLineNr(), location.getColumnNr());
        String slug = switch (e) {
            case UnrecognizedPropertyException _ -> "unknown-field";
            case DatabindException _ -> "invalid";
            default -> "malformed-json";
        };
        String what = explain(e);
        String detail = where + (pointer.isEmpty() ? "" : pointer + ": ") + what;
        var error = new LinkedHashMap<String, Object>();
        error.put("pointer", pointer);
        error.put("detail", what);
        if (location != null) {
            error.put("line", location.getLineNr());
            error.put("column", location.getColumnNr());
        }
        return problem(type(slug), BAD_REQUEST, detail, uri, Map.of("errors", List.of(error)))
                .build();
    }

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> etcd(EtcdUnavailableException e, UriInfo uri, ContainerRequestContext request) {
        Log.warnf("%s %s: %s", request.getMethod(), uri.getPath(), e.getMessage());
        boolean silent = e.isSilence();
        String outcome = READING.contains(request.getMethod())
                ? "repeat the request"
                : "whether the change took place is unknown: read it back, or repeat the request once etcd answers";
        return problem(
                        type(silent ? "etcd-silent" : "etcd-unavailable"),
                        SERVICE_UNAVAILABLE,
                        "%s; %s".formatted(e.getMessage(), outcome),
                        uri,
                        Map.of())
                .header(HttpHeaders.RETRY_AFTER, 1)
                .build();
    }

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> rejected(EtcdRefusedException e, UriInfo uri, ContainerRequestContext request) {
        Log.errorf("%s %s: %s", request.getMethod(), uri.getPath(), e.getMessage());
        return problem(
                        type("etcd-rejected"),
                        INTERNAL_SERVER_ERROR,
                        "%s; nothing was written, and repeating the request will not help".formatted(e.getMessage()),
                        uri,
                        Map.of())
                .build();
    }

    /** A body that broke off, or was ended for its size or slowness, has been answered, as far as anybody listens: no fault of ours. */
    @ServerExceptionMapper
    RestResponse<Map<String, Object>> brokenOff(
            IOException e, UriInfo uri, ContainerRequestContext request, RoutingContext routing) {
        if (routing.response().ended() || routing.response().closed()) {
            Log.debugf("%s %s: %s", request.getMethod(), uri.getPath(), e.getMessage());
            return RestResponse.status(BAD_REQUEST);
        }
        return unexpected(e, uri, request);
    }

    @ServerExceptionMapper
    RestResponse<Map<String, Object>> unexpected(Throwable e, UriInfo uri, ContainerRequestContext request) {
        Log.errorf(e, "%s %s failed", request.getMethod(), uri.getPath());
        return problem("about:blank", INTERNAL_SERVER_ERROR, "see the log of this service", uri, Map.of())
                .build();
    }

    private static String explain(JsonProcessingException e) {
        for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof ProblemException problem) {
                return problem.detail();
            }
        }
        return switch (e) {
            case UnrecognizedPropertyException unknown -> {
                var known = unknown.getKnownPropertyIds();
                yield "no field is called '%s'%s"
                        .formatted(
                                unknown.getPropertyName(),
                                known == null || known.isEmpty()
                                        ? ""
                                        : "; there are "
                                                + known.stream()
                                                        .map(Object::toString)
                                                        .sorted()
                                                        .collect(Collectors.joining(", ")));
            }
            case InvalidFormatException format
            when format.getTargetType().isEnum() ->
                "'%s' is none of %s"
                        .formatted(
                                format.getValue(),
                                Arrays.stream(format.getTargetType().getEnumConstants())
                                        .map(Object::toString)
                                        .collect(Collectors.joining(", ")));
            case MismatchedInputException mismatch
            when mismatch.getTargetType() != null -> "%s is wanted here".formatted(kind(mismatch.getTargetType()));
            default -> Objects.requireNonNullElse(e.getOriginalMessage(), "not readable as JSON");
        };
    }

    private static String kind(Class<?> type) {
        if (type == String.class || Names.isName(type)) {
            return "a string";
        }
        if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        }
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) {
            return "a whole number in range";
        }
        if (Collection.class.isAssignableFrom(type) || type.isArray()) {
            return "a list";
        }
        return type.isEnum() ? "a string" : "an object";
    }

    private static String step(JsonMappingException.Reference reference) {
        String name = reference.getFieldName();
        return "/" + (name == null ? Integer.toString(reference.getIndex()) : Violations.escape(name));
    }

    private static String type(String slug) {
        return "urn:pilus:problem:" + slug;
    }

    /** An answer is not larger for what was wrong with the question. */
    private static Object shorten(Object value) {
        return switch (value) {
            case String text
            when text.length() > LONGEST_TEXT ->
                "%s... (%d characters more)".formatted(text.substring(0, LONGEST_TEXT), text.length() - LONGEST_TEXT);
            case Map<?, ?> map -> {
                var bounded = new LinkedHashMap<Object, Object>();
                map.forEach((name, member) -> bounded.put(name, shorten(member)));
                yield bounded;
            }
            case List<?> list ->
                list.stream().limit(MOST_ERRORS).map(ProblemMappers::shorten).toList();
            default -> value;
        };
    }

    private static RestResponse.ResponseBuilder<Map<String, Object>> problem(
            String type, StatusType status, String detail, UriInfo uri, Map<String, ?> members) {
        var body = new LinkedHashMap<String, Object>();
        body.put("type", type);
        body.put("title", status.getReasonPhrase());
        body.put("status", status.getStatusCode());
        body.put("detail", detail);
        body.put("instance", uri.getPath());
        members.forEach(body::putIfAbsent);
        body.replaceAll((_, value) -> shorten(value));
        return RestResponse.ResponseBuilder.<Map<String, Object>>create(status.getStatusCode())
                .entity(body)
                .type(MEDIA_TYPE);
    }
}
