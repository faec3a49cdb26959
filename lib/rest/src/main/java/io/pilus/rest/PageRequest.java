package io.pilus.rest;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;

import io.pilus.contract.KeyRange;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

/**
 * Which page of a list is wanted; a {@code @BeanParam} of every method that lists. Each page is read at the newest
 * revision: an item that exists all the while is seen exactly once, one that comes or goes meanwhile may be seen.
 */
public class PageRequest {

    /** How many items the page may have, 100 when absent. */
    @RestQuery
    @Nullable
    PageLimit limit;

    /** The {@code next} of the page before; absent for the first page. */
    @RestQuery
    @Nullable
    String from;

    /** For the framework. */
    public PageRequest() {}

    public PageRequest(int limit, @Nullable String from) {
        this.limit = new PageLimit(limit);
        this.from = from;
    }

    public int limit() {
        return (limit == null ? PageLimit.DEFAULT : limit).value();
    }

    /** The item after which the page begins, or null to begin at the first one. */
    public @Nullable String from() {
        return from == null || from.isEmpty() ? null : from;
    }

    /**
     * The first key of the page when the items are the keys of a range.
     *
     * @throws ProblemException 400 when {@code from} cannot be the end of a page
     */
    public @Nullable String firstKey(KeyRange<?> range) {
        String after = from();
        if (after == null) {
            return null;
        }
        if (after.length() > 1024 || after.chars().anyMatch(Character::isISOControl)) {
            throw new ProblemException(
                    "invalid-page", BAD_REQUEST, "from is not the 'next' of a page; leave it out to begin");
        }
        return range.prefix() + after + "\0";
    }
}
