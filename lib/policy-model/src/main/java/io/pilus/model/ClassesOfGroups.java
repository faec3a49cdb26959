package io.pilus.model;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Turns classes, each a set of groups, into the classes of each group. */
final class ClassesOfGroups {

    private ClassesOfGroups() {}

    static List<int[]> of(Map<BitSet, Integer> classes, int groups) {
        List<IntStream.Builder> builders =
                Stream.generate(IntStream::builder).limit(groups).toList();
        classes.forEach((signature, number) ->
                signature.stream().forEach(group -> builders.get(group).add(number)));
        return builders.stream().map(builder -> builder.build().toArray()).toList();
    }
}
