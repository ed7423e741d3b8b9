//! The unstable sort of GNU libstdc++ (`std::sort`), step by step (swarms §2.3).
//!
//! Which of several equally large swarms comes first decides where a drawn number lands, so consensus depends on how
//! exactly this sort moves equal elements: median of three, unguarded partition, insertion sort for runs of 16, heap
//! sort when the recursion gets too deep.

const RUN: usize = 16;

/// Sorts by `less`, leaving equal elements where the reference's `std::sort` would leave them.
pub(super) fn sort_by<T: Copy>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    if let Some(log) = items.len().checked_ilog2() {
        introsort(items, 2 * log, &less);
        final_insertion_sort(items, &less);
    }
}

fn introsort<T: Copy>(mut items: &mut [T], mut depth: u32, less: &impl Fn(&T, &T) -> bool) {
    while items.len() > RUN {
        if depth == 0 {
            heap_sort(items, less);
            return;
        }
        depth -= 1;
        let cut = partition_around_median(items, less);
        let (head, tail) = items.split_at_mut(cut);
        introsort(tail, depth, less);
        items = head;
    }
}

/// Moves the median of second, middle and last element to the front and partitions the rest around it.
fn partition_around_median<T: Copy>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) -> usize {
    let (a, b, c) = (1, items.len() / 2, items.len() - 1);
    let lt = |x: usize, y: usize| less(&items[x], &items[y]);
    let median = if lt(a, b) {
        if lt(b, c) {
            b
        } else if lt(a, c) {
            c
        } else {
            a
        }
    } else if lt(a, c) {
        a
    } else if lt(b, c) {
        c
    } else {
        b
    };
    items.swap(0, median);
    let pivot = items[0];
    let (mut first, mut last) = (1, items.len());
    loop {
        // The median of three stops the first scans, each swap stops the next: neither runs off the slice.
        while less(&items[first], &pivot) {
            first += 1;
        }
        last -= 1;
        while less(&pivot, &items[last]) {
            last -= 1;
        }
        if first >= last {
            return first;
        }
        items.swap(first, last);
        first += 1;
    }
}

fn final_insertion_sort<T: Copy>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    let guarded = items.len().min(RUN);
    for index in 1..guarded {
        if less(&items[index], &items[0]) {
            items[..=index].rotate_right(1);
        } else {
            insert_backwards(items, index, less);
        }
    }
    for index in guarded..items.len() {
        insert_backwards(items, index, less);
    }
}

fn insert_backwards<T: Copy>(items: &mut [T], mut index: usize, less: &impl Fn(&T, &T) -> bool) {
    let value = items[index];
    while index > 0 && less(&value, &items[index - 1]) {
        items[index] = items[index - 1];
        index -= 1;
    }
    items[index] = value;
}

fn heap_sort<T: Copy>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    for parent in (0..items.len() / 2).rev() {
        let value = items[parent];
        sift(items, parent, value, less);
    }
    for last in (1..items.len()).rev() {
        let value = items[last];
        items[last] = items[0];
        sift(&mut items[..last], 0, value, less);
    }
}

/// `__adjust_heap`: walks the hole down along the larger children to a leaf, then lifts the value up again.
fn sift<T: Copy>(heap: &mut [T], top: usize, value: T, less: &impl Fn(&T, &T) -> bool) {
    let mut hole = top;
    let mut child = 2 * hole + 2;
    while child < heap.len() {
        if less(&heap[child], &heap[child - 1]) {
            child -= 1;
        }
        heap[hole] = heap[child];
        hole = child;
        child = 2 * hole + 2;
    }
    // A last parent with one child only.
    if child == heap.len() {
        heap[hole] = heap[child - 1];
        hole = child - 1;
    }
    while hole > top {
        let parent = (hole - 1) / 2;
        if !less(&heap[parent], &value) {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_that_defeats_the_median_falls_back_to_the_heap_of_the_reference() {
        // Musser's killer of 64 elements, divided by three for ties; the order is what g++'s std::sort makes of it.
        let half = 32;
        let mut sizes = vec![0; 2 * half];
        for i in 1..=half {
            if i % 2 == 1 {
                sizes[i - 1] = i;
                sizes[i] = half + i;
            }
            sizes[half + i - 1] = 2 * i;
        }
        let mut order: Vec<(usize, usize)> = sizes.iter().map(|size| size / 3).enumerate().collect();

        sort_by(&mut order, |a, b| a.1 < b.1);

        let order: Vec<usize> = order.into_iter().map(|(index, _)| index).collect();
        let expected = [
            0, 32, 33, 4, 2, 35, 34, 6, 8, 36, 10, 37, 12, 38, 14, 39, 16, 18, 40, 41, 20, 42, 22, 43, 24,
            44, 26, 45, 28, 47, 30, 46, 48, 1, 3, 50, 49, 5, 51, 9, 7, 53, 52, 11, 54, 15, 13, 56, 55, 17,
            19, 21, 57, 23, 58, 59, 60, 25, 27, 62, 29, 61, 31, 63,
        ];
        assert_eq!(order, expected);
    }
}
