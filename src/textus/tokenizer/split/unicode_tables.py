"""The classes of all characters in Unicode 16.0.0.

Made by tools/unicode_tables.py.

Runs of code points from U+0000 on, each the letter of its class and its length in hexadecimal:
u upper-case and title-case letters (Lu, Lt), l lower-case letters (Ll), o other letters (Lm, Lo),
m marks (M), n numbers (N), w white space (the property White_Space), x everything else.
"""

RUNS = """
x9 w5 x12 w1 xf na x7 u1a x6 l1a xa w1 x1a w1 x9 o1 x7 n2 x1 l1 x3 n1 o1 x1 n3 x1 u17 x1 u7 l18 x1
l8 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l2 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l2 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u2 l1 u1 l1 u1 l3 u2 l1 u1 l1 u2 l1 u3
l2 u4 l1 u2 l1 u3 l3 u2 l1 u2 l1 u1 l1 u1 l1 u2 l1 u1 l2 u1 l1 u2 l1 u3 l1 u1 l1 u2 l2 o1 u1 l3 o4
u2 l1 u2 l1 u2 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l2 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l2 u2 l1 u1 l1 u3 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l7 u2 l1 u2 l2 u1 l1 u4 l1 u1 l1 u1 l1 u1 l1 u1 l45 o1 l1b o12 x4 oc xe o5 x7 o1 x1 o1
x11 m70 u1 l1 u1 l1 o1 x1 u1 l1 x2 o1 l3 x1 u1 x6 u1 x1 u3 x1 u1 x1 u2 l1 u11 x1 u9 l23 u1 l2 u3 l3
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l5 u1 l1 x1 u1 l1 u2 l2 u33 l30
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 x1 m7 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u2 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l2 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 x1 u26 x2 o1 x6 l29 x8 m2d x1 m1 x1 m2 x1 m2 x1 m1 x8 o1b x4 o4 x1d mb x5 o2b m15 na x4 o2 m1
o63 x1 o1 m7 x2 m6 o2 m2 x1 m4 o2 na o3 x2 o1 x10 o1 m1 o1e m1b x2 o59 mb o1 xe na o21 m9 o2 x4 o1
x2 m1 x2 o16 m4 o1 m9 o1 m3 o1 m5 x12 o19 m3 x4 ob x5 o18 x1 o6 x8 m9 o2a m18 x1 m21 o36 m3 o1 m12
o1 m7 oa m2 x2 na x1 o10 m3 x1 o8 x2 o2 x2 o16 x1 o7 x1 o1 x3 o4 x2 m1 o1 m7 x2 m2 x2 m3 o1 x8 m1 x4
o2 x1 o3 m2 x2 na o2 x2 n6 x2 o1 x1 m1 x2 m3 x1 o6 x4 o2 x2 o16 x1 o7 x1 o2 x1 o2 x1 o2 x2 m1 x1 m5
x4 m2 x2 m3 x3 m1 x7 o4 x1 o1 x7 na m2 o3 m1 xb m3 x1 o9 x1 o3 x1 o16 x1 o7 x1 o2 x1 o5 x2 m1 o1 m8
x1 m3 x1 m3 x2 o1 xf o2 m2 x2 na x9 o1 m6 x1 m3 x1 o8 x2 o2 x2 o16 x1 o7 x1 o2 x1 o5 x2 m1 o1 m7 x2
m2 x2 m3 x7 m3 x4 o2 x1 o3 m2 x2 na x1 o1 n6 xa m1 o1 x1 o6 x3 o3 x1 o4 x3 o2 x1 o1 x1 o2 x3 o2 x3
o3 x3 oc x4 m5 x3 m3 x1 m4 x2 o1 x6 m1 xe nd xd m5 o8 x1 o3 x1 o17 x1 o10 x2 m1 o1 m7 x1 m3 x1 m4 x7
m2 x1 o3 x2 o1 x2 o2 m2 x2 na x8 n7 x1 o1 m3 x1 o8 x1 o3 x1 o17 x1 oa x1 o5 x2 m1 o1 m7 x1 m3 x1 m4
x7 m2 x6 o2 x1 o2 m2 x2 na x1 o2 m1 xc m4 o9 x1 o3 x1 o29 m2 o1 m7 x1 m3 x1 m4 o1 x5 o3 m1 n7 o3 m2
x2 n13 x1 o6 x1 m3 x1 o12 x3 o18 x1 o9 x1 o1 x2 o7 x3 m1 x4 m6 x1 m1 x1 m8 x6 na x2 m2 xd o30 m1 o2
m7 x5 o7 m8 x1 na x27 o2 x1 o1 x1 o5 x1 o18 x1 o1 x1 oa m1 o2 m9 o1 x2 o5 x1 o1 x1 m7 x1 na x2 o4
x20 o1 x17 m2 x6 n14 x1 m1 x1 m1 x1 m1 x4 m2 o8 x1 o24 x4 m14 x1 m2 o5 mb x1 m24 x9 m1 x39 o2b m14
o1 na x6 o6 m4 o4 m3 o1 m3 o2 m7 o3 m4 od mc o1 m1 na m4 x2 u26 x1 u1 x5 u1 x2 l2b x1 o1 l3 o149 x1
o4 x2 o7 x1 o1 x1 o4 x2 o29 x1 o4 x2 o21 x1 o4 x2 o7 x1 o1 x1 o4 x2 of x1 o39 x1 o4 x2 o43 x2 m3 x9
n14 x3 o10 x10 u56 x2 l6 x3 o26c x2 o11 w1 o1a x5 o4b x3 n3 o8 x7 o12 m4 x9 o13 m3 xb o12 m2 xc od
x1 o3 x1 m2 xc o34 m20 x3 o1 x4 o1 m1 x2 na x6 na x11 m3 x1 m1 na x6 o59 x7 o5 m2 o22 m1 o1 x5 o46
xa o1f x1 mc x4 mc xa na o1e x2 o5 xb o2c x4 o1a x6 nb x25 o17 m5 x4 o35 ma x1 m1d x2 m1 na x6 na xd
o1 x8 m1f x31 m5 o2f m11 o8 x3 na x11 m9 xc m3 o1e md o2 na o2c me xc o24 m14 x8 na x3 o3 na o24 x2
l9 u1 l1 x5 u2b x2 u3 x10 m3 x1 m15 o4 m1 o6 m1 o2 m3 o1 x5 l2c o3f ld o1 l22 o25 m40 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l9 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l9 u8 l6 x2 u6 x2 l8 u8 l8 u8 l6 x2 u6 x2 l8 x1 u1 x1 u1 x1 u1 x1
u1 l8 u8 le x2 l8 u8 l8 u8 l8 u8 l5 x1 l2 u5 x1 l1 x3 l3 x1 l2 u5 x3 l4 x2 l2 u4 x4 l8 u5 x5 l3 x1
l2 u5 x3 wb x1d w2 x5 w1 x2f w1 x10 n1 o1 x2 n6 x5 o1 na x6 od x33 m21 x11 u1 x4 u1 x2 l1 u3 l2 u3
l1 x1 u1 x3 u5 x6 u1 x1 u1 x1 u1 x1 u4 x1 l1 u4 l1 o4 l1 x2 l2 u2 x5 u1 l4 x4 l1 x1 n33 u1 l1 n5
x2d6 n3c x4e n16 x276 n1e x46c u30 l30 u1 l1 u3 l2 u1 l1 u1 l1 u1 l1 u4 l1 u1 l2 u1 l6 o2 u3 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l2 x6 u1
l1 u1 l1 m3 u1 l1 x9 n1 x2 l26 x1 l1 x5 l1 x2 o38 x7 o1 xf m1 o17 x9 o7 x1 o7 x1 o7 x1 o7 x1 o7 x1
o7 x1 o7 x1 o7 x1 m20 x2f o1 x1d0 w1 x4 o2 n1 x19 n9 m6 x1 o5 x2 n3 o2 x4 o56 x2 m2 x2 o3 x1 o5a x1
o4 x5 o2b x1 o5e x3 n4 xa o20 x30 o10 x20 na x1e n8 x1 nf x20 na x27 nf x140 o19c0 x40 o568d x43 o2e
x2 o10d x3 o10 na o2 x14 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 o1 m4 x1 ma x1 o1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 o2 m2 o46 na m2 x25 o9 x2 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l3 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1
l1 u1 l1 u1 l1 u1 l1 o1 l8 u1 l1 u1 l1 u2 l1 u1 l1 u1 l1 u1 l1 u1 l1 o1 x2 u1 l1 u1 l1 o1 u1 l1 u1
l3 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u1 l1 u5 l1 u5 l1 u1 l1 u1 l1 u1 l1 u1 l1
u1 l1 u1 l1 u1 l1 u4 l1 u1 l1 u2 l1 x2 u1 l1 x1 l1 x1 l1 u1 l1 u1 l1 u1 l1 u1 x15 o3 u1 l1 o3 l1 o7
m1 o3 m1 o4 m1 o17 m5 x4 m1 x3 n6 xa o34 xc m2 o32 m12 xa na x6 m12 o6 x3 o1 x1 o2 m1 na o1c m8 x2
o17 md xc o1d x3 m4 o2f me xe o1 na x6 o5 m1 oa na o5 x1 o29 me x9 o3 m1 o8 m2 x2 na x6 o17 x3 o1 m3
o32 m1 o1 m3 o2 m2 o5 m2 o1 m1 o1 x18 o3 x2 ob m5 x2 o3 m2 xa o6 x2 o6 x2 o6 x9 o7 x1 o7 x1 l2b x1
o4 l9 o1 x6 l50 o23 m8 x1 m2 x2 na x6 o2ba4 xc o17 x4 o31 x2104 o16e x2 o6a x26 l7 xc l5 x5 o1 m1 oa
x1 od x1 o5 x1 o1 x1 o2 x1 o2 x1 o6c x21 o16b x12 o40 x2 o36 x28 oc x4 m10 x10 m10 x40 o5 x1 o87 x13
na x7 u1a x6 l1a xb o59 x3 o6 x2 o6 x2 o6 x2 o3 x23 oc x1 o1a x1 o13 x1 o2 x1 of x2 oe x22 o7b xc
n2d xc n39 x11 n2 x71 m1 x82 o1d x3 o31 xf m1 n1b x4 o20 n4 x9 o14 n1 o8 n1 x5 o26 m5 x5 o1e x2 o24
x4 o8 x1 n5 x2a u28 l28 o4e x2 na x6 u24 x4 l24 x4 o28 x8 o34 xc ub x1 uf x1 u7 x1 u2 x1 lb x1 lf x1
l7 x1 l2 x3 o34 xc o137 x9 o16 xa o8 x18 o6 x1 o2a x1 o9 x45 o6 x2 o1 x1 o2c x1 o2 x3 o1 x2 o17 x2
n8 o17 x2 n7 o1f x8 n9 x30 o13 x1 o2 x5 n5 o16 n6 x4 o1a x46 o38 x4 n2 o2 n10 x2 n2e o1 m3 x1 m2 x5
m4 o4 x1 o3 x1 o1d x2 m3 x4 m1 n9 x17 o1d n2 x1 o1d n3 x20 o8 x1 o1c m2 x4 n5 x10 o36 xa o16 x2 n8
o13 x5 n8 o12 x17 n7 x50 o49 x37 u33 xd l33 x7 n6 o24 m4 x8 na x6 na o6 u16 x3 m5 x1 o1 l16 xda n1f
x1 o2a x1 m2 x3 o2 x10 o3 x37 m4 o1d na o1 x8 o16 mb n4 x1b o12 m4 x2a o15 n7 x14 o17 x9 m3 o35 mf
xb n1e m1 o2 m2 o1 x9 m4 o2d mb x7 m1 xd o19 x7 na x6 m3 o24 me x1 na x4 o1 m2 o1 x8 o23 m1 x2 o1 x9
m3 o30 me o4 x4 m4 x1 m2 na o1 x1 o1 x4 n14 xb o12 x1 o19 mc x6 m1 o2 m1 x3e o7 x1 o1 x1 o4 x1 of x1
oa x7 o2f mc x5 na x6 m4 x1 o8 x2 o2 x2 o16 x1 o7 x1 o2 x1 o5 x1 m2 o1 m7 x2 m2 x2 m3 x2 o1 x6 m1 x5
o5 m2 x2 m7 x3 m5 xb oa x1 o1 x2 o1 x1 o26 x1 o1 m9 x1 m1 x2 m1 x1 m4 x1 m5 o1 m1 o1 xd m2 x1d o35
m12 o4 x5 na x4 m1 o3 x1e o30 m14 o2 x1 o1 x8 na xa6 o2f m7 x2 m9 x17 o4 m2 x22 o30 m11 x3 o1 xb na
x26 o2b md o1 x7 na x6 n14 x1c o1b x2 mf x4 nc x4 o7 xb9 o2c mf x65 u20 l20 n13 xc o8 x2 o1 x2 o8 x1
o2 x1 o18 m6 x1 m2 x2 m4 o1 m1 o1 m2 xc na x46 o8 x2 o27 m7 x2 m7 o1 x1 o1 m1 x1b o1 ma o28 m7 o1 m4
x8 m1 x8 o1 mb o2e m10 x3 o1 x12 o49 xc7 o21 xf na x6 o9 x1 o25 m8 x1 m8 o1 xf n1d x5 o1e x2 m16 x1
me x49 o7 x1 o2 x1 o26 m6 x3 m1 x1 m2 x1 m7 o1 m1 x8 na x6 o6 x1 o2 x1 o20 m5 x1 m2 x1 m5 o1 x7 na
x136 o13 m4 x9 m2 o1 m1 od x1 o22 m7 x3 m5 xd na m1 x55 o1 xf n15 x2b o39a x66 n6f x11 oc4 xa4c o61
xf o430 x10 m1 o6 mf xa of9b x5 o247 x1ab9 o1e m12 na x6c6 o239 x7 o1f x1 na x6 o4f x1 na x6 o1e x2
m5 xb o30 m7 x9 o4 xc na x1 n7 x1 o15 x5 o13 x1b0 o2d x3 na xc6 u20 l20 n17 x69 o4b x4 m1 o1 m37 x7
m4 od x40 o2 x1 o1 m1 xb m2 xe o17f8 x8 o4d6 x29 oa x22e7 o4 x1 o7 x1 o2 x1 o123 xf o1 x1d o3 x2 o1
xe o4 x8 o18c x904 o6b x5 od x3 o9 x7 oa x3 m2 x1051 na x206 m2e x2 m17 x21e m5 x3 m6 x8 m8 x2 m7
x1e m4 x94 m3 x7b n14 xc n14 x6c n19 x87 u1a l1a u1a l7 x1 l12 u1a l1a u1 x1 u2 x2 u1 x2 u2 x2 u4 x1
u8 l4 x1 l1 x1 l7 x1 lb u1a l1a u2 x1 u4 x2 u8 x1 u7 x1 l1a u2 x1 u4 x1 u5 x1 u1 x3 u7 x1 l1a u1a
l1a u1a l1a u1a l1a u1a l1a u1a l1a u1a l1c x2 u19 x1 l19 x1 l6 u19 x1 l19 x1 l6 u19 x1 l19 x1 l6
u19 x1 l19 x1 l6 u19 x1 l19 x1 l6 u1 l1 x2 n32 x200 m37 x4 m32 x8 m1 xe m1 x16 m5 x1 mf x450 la o1
l14 x6 l6 xd5 m7 x1 m11 x2 m7 x1 m2 x1 m5 x5 o3e x21 m1 x70 o2d x3 m7 o7 x2 na x4 o1 x141 o1e m1 x11
o2c m4 na x1d6 o1c m4 na xd6 o1e m2 o1 na x1e5 o7 x1 o4 x1 o2 x1 of x1 oc5 x2 n9 m7 x29 u22 l22 m7
o1 x4 na x317 n3b x1 n3 x1 n4 x4c n2d x1 nf xc2 o4 x1 o1b x1 o2 x1 o1 x2 o1 x1 oa x1 o4 x1 o1 x1 o1
x6 o1 x4 o1 x1 o1 x1 o1 x1 o3 x1 o2 x1 o1 x2 o1 x1 o1 x1 o1 x1 o1 x1 o1 x1 o2 x1 o1 x2 o4 x1 o7 x1
o4 x1 o4 x1 o1 x1 oa x1 o11 x5 o3 x1 o5 x1 o11 x244 nd xae3 na x406 oa6e0 x20 o103a x6 ode x2 o1682
xe o1d31 xf o26e x9a2 o21e x5e2 o134b x5 o1060 xadd50 mf0 x2fe10
"""
