"""Every keyword that torch's parser takes, NumPy's words among them: the same call gives the same in both libraries."""

import warnings

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

# x: 1 to 6 in two rows; sq: a symmetric matrix; e: the identity; c: two class numbers
CALLS = """
F.one_hot(input=c) | F.one_hot(c,num_classes=3) | F.cosine_similarity(x,x,axis=1) | F.pairwise_distance(x,x,keepdims=True) | torch.is_same_size(input=x,other=x) |
torch.is_same_size(x,other=x) | x.is_same_size(other=x) | x.where(x>2,other=x) | x.where(condition=x>2,other=x) |
torch.lu_solve(input=e,LU_data=sq,LU_pivots=torch.tensor([1,2,3],dtype=torch.int32)) | torch.triangular_solve(input=e,A=sq)[0] | torch.triangular_solve(e,A=sq)[0] |
torch.isin(elements=x,test_elements=x) | torch.isin(element=1.,test_elements=x) | torch.isin(elements=x,test_element=2.) | torch.linalg.norm(x,axis=1,keepdims=True) |
torch.linalg.matrix_norm(x,axis=(0,1),keepdims=True) | torch.linalg.vecdot(x,x,axis=1) | torch.linalg.cross(x,x+1,axis=1) | torch.cross(x,x+1,axis=1) |
x.cross(x+1,axis=1) | torch.diff(x,axis=0) | x.diff(axis=0) | torch.trapezoid(x,axis=0) | torch.trapz(x,axis=0) | torch.cumulative_trapezoid(x,axis=0) |
torch.gradient(x,axis=0) | torch.quantile(x,0.5,axis=0,keepdims=True) | x.nanquantile(0.5,axis=1) | torch.repeat_interleave(x,2,axis=0) |
x.repeat_interleave(2,axis=1) | torch.tensor_split(x,2,axis=1) | x.tensor_split(2,axis=1) | x.tensor_split(indices=(1,),dim=1) | x.tensor_split(sections=2) |
torch.fft.fft(x,axis=0) | torch.fft.fft2(x,axis=(0,1)) | torch.fft.rfftn(x,axis=1) | torch.fft.fftshift(x,axis=0) | torch.fft.fftfreq(4,pin_memory=False) |
torch.logcumsumexp(x,axis=0) | x.softmax(axis=0) | x.unbind(axis=0)[0] | x.select(axis=0,index=1) | x.index_select(axis=0,index=c) | x.squeeze(axis=0) |
torch.linalg.svd(x,full_matrices=False)[1] | torch.linalg.matrix_power(input=sq,n=2) | torch.linalg.eigh(input=sq)[0] | torch.linalg.vector_norm(input=x) |
torch.linalg.vector_norm(x=x) | torch.add(x1=x,x2=x) | torch.add(input=x,other=x) | torch.add(x,x2=2) | torch.mul(a=x,x2=x) | torch.sum(a=x) |
torch.linalg.lstsq(input=sq,b=e)[0] | torch.linalg.lu_factor(A=sq)[0] | torch.linalg.lu_solve(LU=sq,pivots=torch.tensor([1,2,3],dtype=torch.int32),B=e) |
torch.linalg.pinv(input=sq) | torch.linalg.cond(input=sq) | torch.linalg.multi_dot(tensors=[x,sq]) | torch.linalg.cholesky(input=sq) | torch.linalg.vander(x=c) |
torch.vander(x=c) | torch.linalg.diagonal(A=sq) | torch.matrix_exp(input=sq) | torch.linalg.tensorinv(input=sq,ind=1) |
torch.linalg.householder_product(input=x.t(),tau=x[0,:2]) | torch.linalg.ldl_factor(input=sq)[0] | torch.linalg.solve_triangular(input=sq,B=e,upper=True) |
torch.det(input=sq) | torch.kron(input=x,other=x) | torch.trace(input=sq) | torch.ger(input=x[0],vec2=x[0]) | torch.heaviside(x,values=x) |
torch.polar(abs=x,angle=x) | torch.complex(real=x,imag=x) | torch.lerp(input=x,end=x,weight=x) | torch.addcmul(x,tensor1=x,tensor2=x,value=2) |
torch.index_add(x,0,c,source=x) | torch.scatter(x,1,index=c[None],src=x) | torch.scatter_add(x,dim=1,index=c[None],src=x) |
torch.take_along_dim(x,indices=c[None],dim=1) | torch.searchsorted(sorted_sequence=x[0],input=x[1].contiguous()) | torch.masked_fill(x,mask=x>1,value=3) |
x.masked_fill(mask=x>1,value=3) | x.clone().masked_fill_(mask=x>1,value=3) | x.clone().copy_(other=x) | x.new_tensor(data=[1.]) | x.new_full(size=(2,),fill_value=1.) |
x.type_as(other=x) | x.expand_as(other=x) | x.view_as(other=x) | x.reshape_as(other=x) | x.unfold(dimension=1,size=2,step=1) | x.narrow(dim=1,start=0,length=2) |
x.select(dim=0,index=1) | x.gather(dim=1,index=c[:,None]) | x.fill_(value=2) | x.clamp_(min=1) | x.pow(exponent=2) | torch.pow(self=2,exponent=x) |
torch.pow(input=x,exponent=2) | torch.rsub(x,other=2) | x.requires_grad_(requires_grad=True).requires_grad | x.sub(other=2,alpha=2) | x.add(other=2,alpha=2) |
x.size(dim=0) | x.size(axis=1) | x.stride(dim=0) | x.is_contiguous(memory_format=torch.contiguous_format) | x.detach().numpy(force=True).shape |
x.cpu(memory_format=torch.preserve_format).shape | x.double(memory_format=torch.preserve_format).dtype | x.half(memory_format=torch.preserve_format).dtype |
x.int(memory_format=torch.preserve_format).dtype | x.swapaxes(axis0=0,axis1=1) | x.swapdims(dim0=0,dim1=1) | x.moveaxis(source=0,destination=1) | x.tile(dims=(2,)) |
torch.tile(input=x,dims=(2,)) | torch.rot90(x,k=1,dims=(0,1)) | torch.broadcast_to(x,size=(2,3)) | x.broadcast_to(size=(2,3)) | torch.unflatten(x,dim=1,sizes=(3,1)) |
x.unflatten(dim=1,sizes=(3,1)) | torch.hstack(tensors=[x,x]) | torch.dstack(tensors=[x,x]).shape | torch.combinations(c,r=2) |
torch.tril_indices(row=2,col=2,offset=0) | torch.logspace(start=0,end=1,steps=3,base=2.) | torch.full_like(input=x,fill_value=2) |
torch.zeros_like(input=x,dtype=torch.float64).dtype | torch.rand_like(input=x).shape | torch.randint_like(x,low=0,high=2).shape | torch.randint_like(x,high=2).shape |
torch.poisson(input=x).shape | torch.bincount(c,weights=None,minlength=3) | torch.count_nonzero(x,dim=0) | torch.unique_consecutive(x,return_counts=True)[1].shape |
torch.aminmax(x,dim=0)[0] | torch.std(x,dim=0,correction=0) | torch.median(x,dim=0)[0] | torch.mode(x,dim=0)[0] | torch.cummax(x,dim=0)[0] |
torch.renorm(x,p=2,dim=0,maxnorm=1.) | torch.addbmm(torch.zeros(2,2),batch1=torch.ones(1,2,2),batch2=torch.ones(1,2,2)) | torch.tensordot(x,x,dims=2) |
torch.inner(x,other=x) | torch.mv(sq,vec=e[0]) | torch.sigmoid(input=x) | torch.relu(input=x) | torch.special.logsumexp(x,dim=0) | torch.special.softmax(x,dim=0) |
torch.special.zeta(x,other=x) | torch.special.multigammaln(x+5,p=2) | torch.special.polygamma(n=1,input=x) | torch.polygamma(n=1,input=x) |
torch.special.log_softmax(x,dim=0) | torch.special.round(x,decimals=1) | torch.special.gammainc(input=x,other=x) | torch.signbit(input=x) | torch.frexp(input=x)[0] |
torch.ldexp(input=x,other=x) | torch.nextafter(x,other=x) | torch.bitwise_and(c,other=c) | torch.logical_not(input=x) | torch.isreal(input=x) |
torch.can_cast(from_=torch.int32,to=torch.float32) | torch.promote_types(type1=torch.int32,type2=torch.float32) | torch.numel(input=x) |
torch.is_nonzero(input=x[0,0]) | torch.as_strided(input=x,size=(2,),stride=(1,),storage_offset=0) |
torch.frombuffer(buffer=bytearray(8),dtype=torch.float32,count=1,offset=4,requires_grad=False) | torch.view_as_real(input=torch.complex(x,x)).shape |
torch.histogram(x.detach(),bins=3,range=(0.,1.),density=True)[0].shape | torch.corrcoef(input=x).shape |
torch.batch_norm(input=x,weight=None,bias=None,running_mean=None,running_var=None,training=True,momentum=0.1,eps=1e-5,cudnn_enabled=False).shape |
torch.conv2d(input=torch.ones(1,1,3,3),weight=torch.ones(1,1,2,2),bias=None,stride=1,padding='same',dilation=1,groups=1).shape |
torch.layer_norm(x,normalized_shape=(3,)).shape | torch.dropout(input=x,p=0.5,train=False).shape | torch.embedding(weight=x,indices=c).shape | x.view(size=(3,2)) |
x.view(dtype=torch.int32).dtype | x.reshape(shape=(3,2)) | x.set_(source=torch.ones(2)) | x.clone().resize_(size=(2,2)).shape |
x.clone().resize_as_(the_template=torch.ones(2)).shape | x.clone().transpose_(dim0=0,dim1=1) | x.clone().squeeze_(dim=0) | x.clone().unsqueeze_(dim=0).shape |
x.clone().swapaxes_(axis0=0,axis1=1).shape | x.to(device='cpu',dtype=torch.float64,non_blocking=False,copy=False,memory_format=torch.preserve_format).dtype |
x.type(dtype='torch.DoubleTensor').dtype | x.as_subclass(cls=torch.Tensor).shape | x.requires_grad_(requires_grad=False).requires_grad | x.is_set_to(tensor=x) |
x.new_ones(size=(2,)).shape | x.new_zeros(2,dtype=torch.int8).dtype | x.new_empty(size=(2,)).shape | x.unfold(dimension=1,size=2,step=1).shape |
x.index_put_(indices=(torch.tensor([0]),),values=torch.tensor(1.),accumulate=False).shape | x.scatter_(dim=0,index=torch.tensor([[0]]),src=torch.ones(1,1)).shape |
x.exponential_(lambd=2.).shape | x.geometric_(p=0.5).shape | x.cauchy_(median=0,sigma=1).shape | x.log_normal_(mean=1,std=2).shape | x.bernoulli_(p=0.5).shape |
x.normal_(mean=0.,std=1.,generator=None).shape | x.uniform_(0,1,generator=None).shape | x.random_(to=5).shape | x.new_tensor([1],dtype=torch.int8).dtype |
torch.device(type='cpu',index=0) | torch.device(device='cpu') | torch.Generator(device='cpu').device | torch.nn.Parameter(data=x,requires_grad=False).shape |
x.norm(p='fro',dim=None,keepdim=False,dtype=None).shape | x.unique(sorted=True,return_inverse=False,return_counts=False,dim=None).shape |
x.unique_consecutive(return_inverse=True)[1].shape | x.nonzero(as_tuple=True)[0].shape | x.split(2,dim=1)[0].shape |
x.index_fill(dim=0,index=torch.tensor([0]),value=1).shape | x.put_(index=torch.tensor([0]),source=torch.tensor([1.]),accumulate=True).shape |
x.multinomial(num_samples=1,replacement=False).shape | x.renorm(p=2,dim=0,maxnorm=1).shape | x.histc(bins=2,min=0,max=1).shape | x.cov(correction=1).shape |
x.diagonal(offset=0,dim1=0,dim2=1).shape | x.fill_diagonal_(fill_value=1,wrap=True).shape | x.clamp(min=torch.tensor(1.)).shape | x.clip(min=1).shape |
x.nan_to_num_(nan=0.).shape | x.lerp_(end=x,weight=0.2).shape | x.unsafe_chunk(chunks=2,dim=0)[0].shape | x.allclose(other=x,rtol=1e-3) | x.equal(other=x) |
x.isclose(other=x,equal_nan=True).shape | x.dist(other=x,p=1).shape | x.xlogy(other=x).shape | x.logaddexp(other=x).shape | x.hypot(other=x).shape |
x.nextafter(other=x).shape | x.copysign(other=x).shape | x.atan2(other=x).shape | x.arctan2(other=x).shape | x.maximum(other=x).shape | x.fmax(other=x).shape |
x.eq(other=x).shape | x.lt(other=2).shape | x.greater_equal(other=2).shape | x.not_equal(other=2).shape | x.logical_and(other=x).shape |
x.float_power(exponent=2).shape | x.sub_(other=1,alpha=2).shape | x.add_(other=1,alpha=2).shape | x.subtract(other=1).shape | torch.cat([x,x],axis=1) |
x.mean(axis=1) | x.mean(axis=1,keepdims=True) | x.sum(axis=0,keepdims=True) | x.max(axis=1,keepdims=True) | x.max(dim=1,keepdims=True) | torch.argmax(x,axis=1) |
torch.stack([x,x],axis=1) | torch.softmax(x,axis=1) | x.argmax(axis=1) | torch.mean(x,axis=1,keepdims=True) | torch.sum(x,axis=1,keepdims=True) | x.std(axis=1) |
x.std(unbiased=False) | x.std(dim=1,unbiased=False) | x.var(unbiased=False) | x.var(1,unbiased=False) | torch.var(x,1,unbiased=False) |
torch.var(x,dim=1,unbiased=False,keepdim=True) | torch.var(x,unbiased=False) | x.clone().scatter_(1,torch.tensor([[0],[1]]),value=3) | torch.chunk(x,2,axis=1) |
x.cumsum(axis=1) | x.argsort(axis=1) | torch.Tensor(2,3,device='cpu').shape | torch.tensor([1.],dtype=torch.float64,device='cpu',requires_grad=True) |
x.to(dtype=torch.float64,device='cpu',non_blocking=True,copy=True).dtype | x.to(device='cpu') | x.to(memory_format=torch.contiguous_format) |
torch.as_tensor([1],dtype=torch.float32,device='cpu') | x.type(dtype=torch.float64).dtype | torch.all(x,axis=1) | x.prod(axis=1) | x.norm(dim=1,keepdim=True) |
x.norm(p=2,dim=1,keepdim=True) | torch.norm(x,p=2,dim=1) | x.permute(dims=(1,0)) | x.expand(size=(2,3)) | x.repeat(repeats=(2,1)) | torch.zeros(size=(2,3)) |
torch.ones(size=(2,)) | torch.rand(size=(2,)).shape | torch.randn(size=(2,)).shape | torch.randint(low=0,high=3,size=(2,)).shape |
torch.randint(high=3,size=(2,)).shape | torch.full(size=(2,),fill_value=3.) | torch.empty(size=(2,)).shape | torch.arange(start=0,end=3,step=1) | torch.arange(end=3) |
torch.linspace(start=0,end=1,steps=3) | torch.eye(n=2,m=3) | torch.clamp(x,min=2) | x.clamp(min=2,max=3) | torch.where(condition=x>2,input=x,other=x) |
x.squeeze(dim=0) | torch.squeeze(x,axis=0) | torch.unsqueeze(x,axis=0) | x.transpose(dim0=0,dim1=1) | torch.transpose(input=x,dim0=0,dim1=1) |
x.flatten(start_dim=0,end_dim=1) | torch.max(input=x,dim=1) | torch.min(x,other=x) | torch.nn.functional.softmax(x,dim=1,_stacklevel=3) |
torch.nn.functional.one_hot(torch.tensor([0,1]),num_classes=3) | torch.nn.functional.pad(x,pad=(1,1),mode='constant',value=2) |
torch.nn.functional.interpolate(x[None],scale_factor=2,mode='nearest').shape | torch.bernoulli(x/10,p=0.5).shape | x.normal_(mean=0,std=1).shape |
torch.normal(mean=0.,std=1.,size=(2,2)).shape | torch.normal(mean=x,std=x.abs()).shape | torch.multinomial(x.abs(),num_samples=1).shape |
torch.topk(input=x,k=1,dim=1)[0].shape | torch.gather(input=x,dim=1,index=torch.tensor([[0],[1]])).shape |
torch.gather(x,1,torch.tensor([[0],[1]]),sparse_grad=False).shape | torch.index_select(input=x,dim=0,index=torch.tensor([0])).shape |
torch.meshgrid(x[0],x[0],indexing='ij')[0].shape | torch.ldexp(x,other=x).shape | torch.bucketize(x,boundaries=torch.tensor([1.,2.])).shape |
torch.repeat_interleave(x,repeats=2,dim=0).shape | torch.tril(x,diagonal=1).shape | torch.allclose(x,x,rtol=1e-3,atol=1e-3) | torch.equal(input=x,other=x) |
torch.cdist(x1=x,x2=x,p=2).shape | torch.quantile(x,q=0.5,dim=1).shape | torch.logsumexp(x,axis=1).shape | x.logsumexp(dim=1,keepdim=True).shape | x.any(axis=0) |
torch.flip(x,dims=[0]).shape | x.flip(dims=(0,)).shape | torch.roll(x,shifts=1,dims=0).shape | torch.linalg.norm(x,ord=2,dim=1,keepdim=True).shape |
torch.linalg.norm(x,axis=1).shape | torch.linalg.inv(A=torch.eye(2)) | torch.linalg.solve(A=torch.eye(2),B=torch.eye(2)).shape |
torch.std_mean(x,dim=1,unbiased=False)[0].shape | torch.var_mean(x,dim=1,correction=0)[0].shape | torch.fft.fft(input=x,n=4,dim=1,norm='ortho').shape |
torch.unique(x,return_counts=True,return_inverse=True)[0].shape | torch.sort(x,descending=True,dim=1)[0].shape | x.sort(axis=1)[0].shape |
torch.split(x,split_size_or_sections=1,dim=0)[0].shape | x.split(split_size=1,dim=0)[0].shape | torch.manual_seed(seed=3) |
torch.nn.init.xavier_uniform_(tensor=x,gain=2.).shape |
torch.autograd.grad(outputs=(x.requires_grad_()*2).sum(),inputs=x,create_graph=True,retain_graph=True,only_inputs=True,allow_unused=True)[0].shape |
torch.tensor(data=[1]) | torch.Tensor([1]).new_zeros(size=(2,)).shape |
torch.addmm(input=torch.zeros(2,2),mat1=torch.ones(2,2),mat2=torch.ones(2,2),beta=1,alpha=1).shape | torch.dot(input=torch.ones(2),tensor=torch.ones(2)) |
torch.baddbmm(torch.zeros(1,2,2),batch1=torch.ones(1,2,2),batch2=torch.ones(1,2,2)).shape | torch.lerp(x,end=x,weight=0.5).shape |
torch.outer(input=torch.ones(2),vec2=torch.ones(2)).shape | torch.isclose(x,other=x).shape | torch.nan_to_num(x,nan=0.,posinf=1.,neginf=2.).shape |
torch.diag_embed(x,offset=1,dim1=0,dim2=1).shape | torch.masked_select(input=x,mask=x>0).shape | torch.movedim(x,source=0,destination=1).shape |
torch.swapaxes(x,axis0=0,axis1=1).shape | torch.kron(input=x,other=x).shape | torch.histc(x,bins=3,min=0,max=1).shape | torch.cross(x,other=x,dim=1).shape |
torch.cov(x,correction=1).shape | torch.trapezoid(x,dx=1.).shape |
torch.nn.functional.cross_entropy(input=x,target=torch.tensor([0,1]),weight=None,ignore_index=-100,reduction='mean',label_smoothing=0.1).shape |
torch.nn.functional.scaled_dot_product_attention(query=x[None],key=x[None],value=x[None],attn_mask=None,dropout_p=0.,is_causal=True,scale=None,enable_gqa=False).shape |
torch.randperm(n=3).shape |
torch.stft(torch.rand(64),n_fft=16,hop_length=4,win_length=16,window=torch.ones(16),center=True,pad_mode='reflect',normalized=False,onesided=True,return_complex=True).shape |
x.sum_to_size(size=(1,3))
"""
CALLS = [call.strip() for call in CALLS.replace("\n", " ").split(" | ")]


def evaluated(library, call):
    x = library.arange(6.0).reshape(2, 3) + 1
    scope = {"torch": library, "F": library.nn.functional, "x": x, "sq": x.t() @ x / 9 + library.eye(3), "e": library.eye(3), "c": library.tensor([0, 1])}
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(call, scope)


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1] and ours.shape == theirs.shape
        numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)      # float32, sums in another order
    elif isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    elif isinstance(theirs, torch.dtype):
        assert str(ours).split(".")[1] == str(theirs).split(".")[1]
    elif isinstance(theirs, (bool, int, float, str)) or theirs is None:
        assert ours == theirs


@pytest.mark.parametrize("call", CALLS)
def test_keywords(call):
    same(evaluated(rl, call), evaluated(torch, call))


@pytest.mark.parametrize("call", [
    "x.is_contiguous(format=torch.contiguous_format)", "x.float(format=torch.preserve_format)", "x.requires_grad_(on=True)", "x.register_hook(function=print)", "x.type_as(of=x)",
    "x.resize_(shape=(3, 2))", "x.resize_as_(other=x)", "x.size(place=0)", "torch.fft.fft(x, dim=0, axis=0)", "torch.promote_types(torch.int8)", "torch.linalg.norm(x, along=1)", "x.as_subclass()",
])
def test_other_keywords_are_refused(call):
    for library in (rl, torch):
        with pytest.raises(TypeError):
            evaluated(library, call)
