package io.pilus.ipam.block;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.contract.Family;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Something of each family that there is. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ByFamily<T>(@Nullable T ipv4, @Nullable T ipv6) {

    static <T> ByFamily<T> of(Map<Family, T> map) {
        return new ByFamily<>(map.get(Family.IPV4), map.get(Family.IPV6));
    }
}
