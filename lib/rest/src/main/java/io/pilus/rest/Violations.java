package io.pilus.rest;

import jakarta.validation.ConstraintViolation;
import jakarta.validation.ElementKind;
import jakarta.validation.Path;
import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Where in the request a constraint was violated, in the client's terms. */
final class Violations {

    private static final String REST = "org.jboss.resteasy.reactive.Rest";
    private static final Set<String> STANDARD = Set.of("PathParam", "QueryParam", "HeaderParam", "BeanParam");

    private Violations() {}

    /** {@code pointer} into the body, or the {@code parameter}'s name; and the {@code detail}. */
    static Map<String, String> describe(ConstraintViolation<?> violation) {
        var pointer = new StringBuilder();
        String parameter = null;
        Path.MethodNode method = null;
        for (Iterator<Path.Node> nodes = violation.getPropertyPath().iterator(); nodes.hasNext(); ) {
            Path.Node node = nodes.next();
            if (node.isInIterable()) {
                Object step = node.getIndex() == null ? node.getKey() : node.getIndex();
                pointer.append('/').append(escape(String.valueOf(step)));
            }
            if (node.getKind() == ElementKind.METHOD) {
                method = node.as(Path.MethodNode.class);
            } else if (node.getKind() == ElementKind.PARAMETER) {
                int index = node.as(Path.ParameterNode.class).getParameterIndex();
                if (method != null && !isBody(violation.getRootBeanClass(), method, index)) {
                    parameter = node.getName();
                }
            } else if (node.getKind() == ElementKind.PROPERTY && node.getName() != null) {
                pointer.append('/').append(escape(node.getName()));
            }
        }
        var described = new LinkedHashMap<String, String>();
        if (parameter == null) {
            described.put("pointer", pointer.toString());
        } else {
            described.put("parameter", parameter + pointer);
        }
        described.put("detail", violation.getMessage());
        return described;
    }

    /** As RFC 6901 wants it. */
    static String escape(String step) {
        return step.replace("~", "~0").replace("/", "~1");
    }

    /** The resource's class may be one that the container derived from it, without the annotations. */
    private static boolean isBody(Class<?> resource, Path.MethodNode node, int index) {
        Class<?>[] types = node.getParameterTypes().toArray(Class<?>[]::new);
        for (Class<?> type = resource; type != null; type = type.getSuperclass()) {
            for (Method method : type.getDeclaredMethods()) {
                if (method.getName().equals(node.getName())
                        && Arrays.equals(method.getParameterTypes(), types)
                        && Arrays.stream(method.getParameterAnnotations()[index])
                                .map(Annotation::annotationType)
                                .anyMatch(a -> a.getName().startsWith(REST) || STANDARD.contains(a.getSimpleName()))) {
                    return false;
                }
            }
        }
        return true;
    }
}
